"""Sessions of onnxruntime: a file on the execution provider that was asked for, or an error that says why not.

NVIDIA's libraries compute in TF32 unless they are told not to, with 10 bits of mantissa in place of 23. That costs an
exact symmetry three digits. Networks therefore run in full single precision unless an option asks for TF32.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path

import onnxruntime

from isometry.inference.parameters import ProviderParameters

ENDING = "ExecutionProvider"
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
FULL_PRECISION: Mapping[str, Mapping[str, str]] = {CUDA: {"use_tf32": "0"}}
WITHOUT_OPTION = ("TensorrtExecutionProvider", "NvTensorRTRTXExecutionProvider")  # to turn TF32 off; the variable does
VARIABLE = "NVIDIA_TF32_OVERRIDE"  # "0" turns TF32 off in all of NVIDIA's libraries


class ModelMismatchError(ValueError):
    """A model file that cannot be read, or is not what its card or its user says it is."""


class ProviderError(ValueError):
    """An execution provider that does not exist, or does not run a file as it was asked to."""


def open_session(
    path: Path, threads: int = 1, provider: ProviderParameters | None = None, profile: Path | None = None
) -> onnxruntime.InferenceSession:
    """A session of a model file. `threads` 0 lets onnxruntime choose; `profile` begins the name of a file of times.

    Raises ModelMismatchError for a file that cannot be opened, and ProviderError for a provider or options that do not
    exist, or when onnxruntime would run the file on another provider or with other options. Both name the file.
    """
    name, options = chosen_provider(provider or ProviderParameters())
    if not path.is_file():
        raise ModelMismatchError(f"{path}: no such model file")
    available = f"available: {', '.join(onnxruntime.get_available_providers())}"
    if name not in onnxruntime.get_available_providers():
        raise ProviderError(f"{path}: asked for {name}, which the installed onnxruntime lacks ({available})")
    missing = _load_cuda_libraries() if name == CUDA else ""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    if profile is not None:
        settings.enable_profiling, settings.profile_file_prefix = True, str(profile)
    try:
        # onnxruntime's own fallback would try again without the options
        session = onnxruntime.InferenceSession(str(path), settings, providers=[(name, options)], enable_fallback=0)
    except Exception as error:  # of onnxruntime's own unrelated types: not this file, or no such option
        kind = ProviderError if "provider option" in str(error).lower() else ModelMismatchError
        raise kind(f"{path}: onnxruntime cannot open it on {name} ({_first_line(error)})") from error
    used = session.get_providers()[0]
    if used != name:
        raise ProviderError(f"{path}: asked for {name}, but onnxruntime runs it on {used} ({missing or available})")
    in_use = session.get_provider_options().get(name, {})
    for option in FULL_PRECISION.get(name, {}):
        if (value := in_use.get(option)) != options[option]:
            raise ProviderError(f"{path}: asked for {option}={options[option]}, but {name} has {option}={value}")
    return session


def chosen_provider(parameters: ProviderParameters) -> tuple[str, dict[str, str]]:
    """Name and options for onnxruntime; a name may be short, in any case. Raises ProviderError for an unknown one."""
    known = {name.removesuffix(ENDING).lower(): name for name in onnxruntime.get_all_providers()}
    name = known.get(parameters.provider.strip().lower().removesuffix(ENDING.lower()))
    if name is None:
        raise ProviderError(f"provider {parameters.provider!r} is none of onnxruntime: {', '.join(sorted(known))}")
    if name in WITHOUT_OPTION and os.environ.get(VARIABLE) != "0":
        raise ProviderError(
            f"{name} computes in TF32, which breaks exact symmetries, unless {VARIABLE} is 0: set it to 0"
        )
    options = parse_options(parameters.provider_options)
    if name == CPU and options:
        raise ProviderError(f"provider_options {parameters.provider_options!r}: {CPU} has none, and would ignore them")
    return name, {**FULL_PRECISION.get(name, {}), **options}


def parse_options(text: str) -> dict[str, str]:
    """`name=value,...` as a table. Raises ProviderError for another form, or a name that is given twice."""
    options: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, sign, value = (part.strip() for part in pair.partition("="))
        if not (name and sign and value):
            raise ProviderError(f"provider_options {text!r}: write name=value, with commas between; {pair!r} is not")
        if name in options:
            raise ProviderError(f"provider_options {text!r}: {name} is given twice")
        options[name] = value
    return options


def _load_cuda_libraries() -> str:
    """Load CUDA and cuDNN where they come as wheels; onnxruntime itself searches the system only.

    Returns what could not be loaded, in one line. Versions of onnxruntime before 1.21 cannot do it.
    """
    preload = getattr(onnxruntime, "preload_dlls", None)
    printed = io.StringIO()
    if preload is not None:
        with redirect_stdout(printed):
            preload()
    return "; ".join(printed.getvalue().splitlines())


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
