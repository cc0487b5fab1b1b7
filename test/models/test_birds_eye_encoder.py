import pytest
import torch

from isometry.inference.symmetry import Array, assert_equivariant, example_images, quarter_turns
from isometry.models.birds_eye_encoder import BirdsEyeEncoder


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-11)])
def test_quarter_turns_keep_the_descriptor_and_turn_the_features(dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    network = BirdsEyeEncoder()
    network.backbone(torch.from_numpy(example_images(128)))  # statistics of the normalisation
    network.projection.normal_()
    network = network.to(dtype).eval()

    def function(images: Array) -> list[Array]:
        with torch.no_grad():
            return [output.numpy() for output in network(torch.from_numpy(images).to(dtype))]

    assert_equivariant(function, example_images(128), quarter_turns(), tolerance)
