"""diffusers' UNet names -> the original code's (LDM, and SVD's temporal additions), and its YAML."""

PREFIX = "model.diffusion_model."

OUTER = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}


def resnet_name(parts):
    """['spatial_res_block', 'conv1'] -> 'in_layers.2'; the temporal half is named time_stack."""
    if parts[0] == "spatial_res_block":
        return resnet_name(parts[1:])
    if parts[0] == "temporal_res_block":
        return "time_stack." + resnet_name(parts[1:])
    return RESNET.get(parts[0], ".".join(parts))


def transformer_name(parts):
    if parts[0] == "temporal_transformer_blocks":
        return ".".join(["time_stack", *parts[1:]])
    if parts[0] == "time_pos_embed":
        return "time_pos_embed." + {"linear_1": "0", "linear_2": "2"}[parts[1]]
    return ".".join(parts)


def to_ldm(names, layers):
    """{diffusers name: LDM name behind the prefix}; layers: resnets per level."""
    with_attention = {n.split(".")[1] for n in names if n.startswith("up_blocks") and ".attentions." in n}
    renamed = {}
    for name in names:
        stem, _, kind = name.rpartition(".")
        parts = stem.split(".")
        if stem in OUTER:
            renamed[name] = f"{OUTER[stem]}.{kind}"
            continue
        if parts[0] == "mid_block":
            module, index, rest = parts[1], int(parts[2]), parts[3:]
            slot = 1 if module == "attentions" else 2 * index
            inner = transformer_name if module == "attentions" else resnet_name
            renamed[name] = f"middle_block.{slot}.{inner(rest)}.{kind}"
            continue
        side, block, module, index, rest = parts[0], int(parts[1]), parts[2], int(parts[3]), parts[4:]
        down = side == "down_blocks"
        if module == "downsamplers":
            place = f"input_blocks.{(block + 1) * (layers + 1)}.0.op"
        elif module == "upsamplers":
            slot = 2 if str(block) in with_attention else 1
            place = f"output_blocks.{block * (layers + 1) + layers}.{slot}.conv"
        else:
            number = block * (layers + 1) + index + (1 if down else 0)
            slot = 1 if module == "attentions" else 0
            inner = transformer_name if module == "attentions" else resnet_name
            tree = "input_blocks" if down else "output_blocks"
            place = f"{tree}.{number}.{slot}.{inner(rest)}"
        renamed[name] = f"{place}.{kind}"
    assert len(set(renamed.values())) == len(renamed)
    return renamed


def yaml_of(config, heads):
    """The network section of the original code's YAML, for a diffusers config.

    heads: {"num_heads": n} or {"num_head_channels": n}, whichever the family's files use.
    """
    import yaml
    channels = config["block_out_channels"]
    video = config["_class_name"] == "UNetSpatioTemporalConditionModel"
    attention = [2 ** i for i, kind in enumerate(config["down_block_types"]) if "CrossAttn" in kind]
    depth = config["transformer_layers_per_block"]
    params = {
        "image_size": 32,
        "in_channels": config["in_channels"],
        "out_channels": config["out_channels"],
        "model_channels": channels[0],
        "attention_resolutions": attention[::-1],
        "num_res_blocks": config["layers_per_block"],
        "channel_mult": [c // channels[0] for c in channels],
        **heads,
        "use_spatial_transformer": True,
        "transformer_depth": depth if isinstance(depth, int) else list(depth),
        "context_dim": config["cross_attention_dim"],
        "use_checkpoint": False,
        "legacy": False,
    }
    if config.get("use_linear_projection") or video:
        params["use_linear_in_transformer"] = True
    if config.get("projection_class_embeddings_input_dim"):
        params |= {"num_classes": "sequential",
                   "adm_in_channels": config["projection_class_embeddings_input_dim"]}
    target = "ldm.modules.diffusionmodules.openaimodel.UNetModel"
    if video:
        target = "sgm.modules.diffusionmodules.video_model.VideoUNet"
        params |= {"extra_ff_mix_layer": True, "use_spatial_context": True,
                   "merge_strategy": "learned_with_images", "video_kernel_size": [3, 1, 1]}
    elif "num_classes" in params:
        target = "sgm.modules.diffusionmodules.openaimodel.UNetModel"
    key = "network_config" if target.startswith("sgm") else "unet_config"
    return yaml.safe_dump({"model": {"params": {key: {"target": target, "params": params}}}},
                          sort_keys=False)
