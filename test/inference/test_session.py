"""Which provider and options a session gets, on an onnxruntime that knows CUDA, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from isometry.inference import WEIGHTS, Model, ModelMismatchError, ProviderError, ProviderParameters
from isometry.inference.session import open_session

SHIPPED = WEIGHTS / "flow_filter.onnx"
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
CUDA_OPTIONS = {"device_id": "0", "use_tf32": "1", "gpu_mem_limit": "0"}  # those that this CUDA has, with its defaults


class Runtime:
    """Stands in for an onnxruntime with CUDA, as far as `open_session` uses it; records what happens, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.fallback = True
        self.runs_on: list[str] | None = None
        self.ignores: set[str] = set()
        self.printed = ""
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
        monkeypatch.setattr(onnxruntime, "preload_dlls", self._preload, raising=False)
        monkeypatch.setattr(onnxruntime, "InferenceSession", self._open)

    def _preload(self) -> None:
        self.calls.append("preload")
        print(self.printed, end="")

    def _open(self, path: str, settings: Any, providers: Any, enable_fallback: int = 1) -> Runtime:
        self.calls.append("session")
        self.asked, self.fallback = providers, bool(enable_fallback)
        unknown = set(providers[0][1]) - set(CUDA_OPTIONS)
        if providers[0][0] == CUDA and unknown:
            raise RuntimeError(f"Unknown provider option: {unknown.pop()}\nand a long trace")
        return self

    def get_providers(self) -> list[str]:
        return self.runs_on or [self.asked[0][0], CPU]

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        name, options = self.asked[0]
        kept = {key: value for key, value in options.items() if key not in self.ignores}
        return {name: (CUDA_OPTIONS if name == CUDA else {}) | kept}


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Runtime:
    return Runtime(monkeypatch)


@pytest.mark.parametrize("name", ["cuda", "CUDA", CUDA])
def test_cuda_computes_without_tf32_and_its_libraries_are_loaded_first(runtime: Runtime, name: str) -> None:
    open_session(SHIPPED, 1, ProviderParameters(name))
    assert runtime.asked == [(CUDA, {"use_tf32": "0"})]
    assert runtime.calls == ["preload", "session"]
    assert not runtime.fallback  # it would try again without the options


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("device_id=1", {"use_tf32": "0", "device_id": "1"}),
        (
            " device_id = 1 , gpu_mem_limit=2000000000,",
            {"use_tf32": "0", "device_id": "1", "gpu_mem_limit": "2000000000"},
        ),
        ("use_tf32=1", {"use_tf32": "1"}),
    ],
)
def test_options_are_added_and_may_override(runtime: Runtime, text: str, options: dict[str, str]) -> None:
    open_session(SHIPPED, 1, ProviderParameters("cuda", text))
    assert runtime.asked == [(CUDA, options)]


def test_the_cpu_has_no_options_and_loads_no_libraries(runtime: Runtime) -> None:
    open_session(SHIPPED)
    assert runtime.asked == [(CPU, {})]
    assert runtime.calls == ["session"]


def test_a_silent_fallback_to_the_cpu_is_refused_with_its_cause(
    runtime: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime.runs_on, runtime.printed = [CPU], "Failed to load libcudnn.so.9\nFailed to load libcublas.so.13\n"
    with pytest.raises(ProviderError) as refusal:
        open_session(SHIPPED, 1, ProviderParameters("cuda"))
    assert str(refusal.value) == (
        f"{SHIPPED}: asked for {CUDA}, but onnxruntime runs it on {CPU} "
        "(Failed to load libcudnn.so.9; Failed to load libcublas.so.13)"
    )
    assert capsys.readouterr().out == ""


def test_an_option_that_is_not_in_force_is_refused(runtime: Runtime) -> None:
    runtime.ignores = {"use_tf32"}
    with pytest.raises(ProviderError, match=rf"asked for use_tf32=0, but {CUDA} has use_tf32=1"):
        open_session(SHIPPED, 1, ProviderParameters("cuda"))


def test_an_onnxruntime_that_cannot_preload_is_used_as_it_is(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(onnxruntime, "preload_dlls")
    open_session(SHIPPED, 1, ProviderParameters("cuda"))
    assert runtime.calls == ["session"]


def test_an_option_that_cuda_does_not_have_is_named(runtime: Runtime) -> None:
    with pytest.raises(ProviderError, match=r"cannot open it on CUDA\w+ \(Unknown provider option: speed\)$"):
        open_session(SHIPPED, 1, ProviderParameters("cuda", "speed=11"))


@pytest.mark.parametrize(
    ("provider", "options", "words"),
    [
        ("abacus", "", "provider 'abacus' is none of onnxruntime: .*cpu, cuda"),
        ("", "", "provider '' is none"),
        ("rknpu", "", r"flow_filter\.onnx: asked for RknpuExecutionProvider, .* lacks \(available: CUDA"),
        ("cuda", "use_tf32", "'use_tf32': write name=value"),
        ("cuda", "device_id=", "write name=value"),
        ("cuda", "=1", "write name=value"),
        ("cuda", "device_id=0,device_id=1", "device_id is given twice"),
        ("cpu", "use_tf32=0", f"{CPU} has none"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_session(
    runtime: Runtime, provider: str, options: str, words: str
) -> None:
    with pytest.raises(ProviderError, match=words):
        open_session(SHIPPED, 1, ProviderParameters(provider, options))
    assert runtime.calls == []


def test_tensorrt_has_no_such_option_and_needs_the_variable(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["TensorrtExecutionProvider", CUDA, CPU])
    for value in (None, "1"):
        monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)
        if value is not None:
            monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", value)
        with pytest.raises(ProviderError, match=r"computes in TF32, .* NVIDIA_TF32_OVERRIDE"):
            open_session(SHIPPED, 1, ProviderParameters("tensorrt"))
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    open_session(SHIPPED, 1, ProviderParameters("tensorrt"))
    assert runtime.asked == [("TensorrtExecutionProvider", {})]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMismatchError, match=r"nothing\.onnx: no such model file"):
        open_session(tmp_path / "nothing.onnx")


@pytest.mark.skipif(CUDA in onnxruntime.get_available_providers(), reason="this onnxruntime has CUDA")
def test_an_onnxruntime_without_cuda_is_said_to_lack_it() -> None:
    with pytest.raises(
        ProviderError, match=rf"{SHIPPED.name}: asked for {CUDA}, which the installed onnxruntime lacks"
    ):
        Model(SHIPPED, "flow_memory", provider=ProviderParameters("cuda"))
