"""Parameters of inference."""

from __future__ import annotations

from dataclasses import dataclass

from isometry.parameters import parameter


@dataclass(frozen=True)
class ProviderParameters:
    """What runs the networks: an execution provider of onnxruntime, and its options."""

    provider: str = parameter(
        "CPUExecutionProvider", "execution provider of onnxruntime, such as cuda; another one is never used instead"
    )
    provider_options: str = parameter(
        "", "options of the provider, as device_id=1,gpu_mem_limit=2000000000; CUDA has use_tf32=0 unless it is given"
    )
