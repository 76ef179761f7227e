"""What the optimiser does with each parameter."""

import pytest
from mamba_hunet.training.settings import TrainingSettings
from mamba_hunet.training.state import TrainingState

NETWORKS = ["mamba_hunet", "hunet", "hunet_lite", "unet", "swin_unet", "mamba_unet", "vm_unet"]


@pytest.mark.parametrize("model_name", NETWORKS)
def test_only_the_weights_of_products_decay(model_name):
    state = TrainingState(TrainingSettings(model_name=model_name))
    names = {id(parameter): name for name, parameter in state.model.named_parameters()}
    decayed = {
        names.pop(id(parameter)).rpartition(".")[2]
        for group in state.optimizer.param_groups
        if group["weight_decay"]
        for parameter in group["params"]
    }
    spared = {name.rpartition(".")[2] for name in names.values()}
    assert decayed <= {"weight", "x_proj_weight", "dt_weight", "dt_projs_weight"}
    assert spared <= {
        *("weight", "bias", "A_log", "A_logs", "D", "Ds"),
        *("dt_bias", "dt_projs_bias", "relative_position_bias_table"),
    }
