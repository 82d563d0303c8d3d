"""Which TensorFlow functions a layer of a Keras 2 model may call by name (TFOpLambda).

Such a layer holds the name of a function and no code. Only arithmetic on tensors is allowed:
nothing that reads, writes, draws random numbers or calls Python.
"""

V1_PREFIX = "compat.v1."


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# fmt: off
ALLOWED: dict[str, frozenset[str]] = {
    "": _names("""
        abs add add_n argmax argmin broadcast_to cast clip_by_value concat convert_to_tensor divide
        einsum equal exp expand_dims floor gather gather_nd greater greater_equal identity less
        less_equal linspace logical_and logical_not logical_or matmul maximum minimum multiply
        negative norm not_equal one_hot ones_like pad pow range rank reduce_all reduce_any
        reduce_max reduce_mean reduce_min reduce_prod reduce_sum repeat reshape reverse roll round
        saturate_cast shape sigmoid sign sin cos size slice sort split sqrt square squeeze stack
        stop_gradient strided_slice subtract tanh tensordot tile transpose truediv unstack where
        zeros_like
    """),
    "math": _names("""
        abs accumulate_n add add_n argmax argmin ceil cos cumsum divide divide_no_nan equal erf exp
        expm1 floor floordiv floormod greater greater_equal l2_normalize less less_equal log log1p
        log_sigmoid log_softmax logical_and logical_not logical_or maximum mean minimum mod multiply
        multiply_no_nan negative not_equal pow reciprocal reciprocal_no_nan reduce_all reduce_any
        reduce_euclidean_norm reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod
        reduce_std reduce_sum reduce_variance round rsqrt scalar_mul sigmoid sign sin softmax
        softplus softsign sqrt square squared_difference subtract tan tanh top_k truediv
        unsorted_segment_sum xdivy
    """),
    "nn": _names("""
        atrous_conv2d avg_pool avg_pool2d batch_normalization bias_add conv2d crelu depth_to_space
        depthwise_conv2d dropout elu gelu l2_normalize leaky_relu local_response_normalization
        log_softmax lrn max_pool max_pool2d moments relu relu6 selu separable_conv2d sigmoid silu
        softmax softplus softsign space_to_depth swish tanh top_k zero_fraction
    """),
    "image": _names("""
        adjust_brightness adjust_contrast adjust_gamma adjust_hue adjust_saturation central_crop
        convert_image_dtype crop_and_resize crop_to_bounding_box extract_patches flip_left_right
        flip_up_down grayscale_to_rgb hsv_to_rgb pad_to_bounding_box per_image_standardization
        resize resize_bicubic resize_bilinear resize_images resize_nearest_neighbor resize_with_pad
        resize_with_crop_or_pad rgb_to_grayscale rgb_to_hsv rgb_to_yiq rgb_to_yuv rot90 transpose
        yiq_to_rgb yuv_to_rgb
    """),
    "linalg": frozenset({"einsum", "l2_normalize", "matmul", "matvec", "norm", "tensordot"}),
    "__operators__": _names("""
        add sub mul div truediv floordiv mod pow matmul neg abs radd rsub rmul rdiv rtruediv
        rfloordiv rpow getitem eq ne lt le gt ge and or invert logical_and logical_or
    """),
    "keras.activations": _names("""
        elu exponential gelu hard_sigmoid linear relu selu sigmoid softmax softplus softsign swish
        tanh
    """),
    "keras.backend": _names("""
        abs batch_flatten batch_dot bias_add cast clip concatenate conv2d cos depthwise_conv2d dot
        elu exp expand_dims flatten hard_sigmoid int_shape l2_normalize log max maximum mean min
        minimum ndim normalize_batch_in_training ones_like permute_dimensions pool2d pow prod relu
        repeat repeat_elements reshape resize_images reverse round shape sigmoid sign sin softmax
        softplus softsign spatial_2d_padding sqrt square squeeze stack std stop_gradient sum tanh
        tile transpose var zeros_like
    """),
}
"""The functions of each module."""
# fmt: on


def is_arithmetic(function: object) -> bool:
    """Whether a layer may call the function of this name, e.g. ``math.truediv``."""
    if not isinstance(function, str):
        return False
    module, _, name = function.removeprefix(V1_PREFIX).rpartition(".")
    return name in ALLOWED.get(module, ())
