"""Which classes and functions a Keras configuration may name: an allow-list, without imports."""

import re

PREFIX = re.compile(r"^(tensorflow\.python\.keras|tensorflow\.keras|tf_keras|keras)(\.src)?(\.|$)")
"""What the same module is called in the various versions of Keras."""

CLASSES_WITH_CODE = {
    "Lambda": "runs code from the file",
    "__lambda__": "runs code from the file",
    "ClassMethod": "calls a method by its name",
    "InstanceMethod": "calls a method by its name",
    "InstanceProperty": "reads a property by its name",
    "TensorFlowOpLayer": "runs a TensorFlow operation from the file",
    "TFSMLayer": "loads another model from a path",
    "JaxLayer": "runs code from the file",
    "FlaxLayer": "runs code from the file",
    "TorchModuleWrapper": "runs code from the file",
}


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# fmt: off
NETWORKS = frozenset({"Sequential", "Functional", "Model"})
POLICIES = frozenset({"DTypePolicy", "FloatDTypePolicy", "Policy", "PolicyV1"})
LAYERS = _names("""
Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D
AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add
AdditiveAttention AlphaDropout Attention AugMix AutoContrast Average AveragePooling1D
AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D BatchNormalization
BatchNormalizationV1 BatchNormalizationV2 Bidirectional CategoryEncoding CenterCrop Concatenate
Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D
ConvLSTM3D ContrastLimitedAdaptiveHistogramEqualization Convolution1D Convolution1DTranspose
Convolution2D Convolution2DTranspose Convolution3D Convolution3DTranspose Cropping1D Cropping2D
Cropping3D CuDNNGRU CuDNNLSTM CutMix Dense DepthwiseConv1D DepthwiseConv2D Discretization Dot
Dropout ELU EinsumDense Embedding Equalization Flatten GRU GRUCell GaussianDropout GaussianNoise
GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D
GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D
GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization GroupQueryAttention Identity InputLayer
InputSpec LSTM LSTMCell Layer LayerNormalization LeakyReLU LocallyConnected1D LocallyConnected2D
Masking MaxNumBoundingBoxes MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D
Maximum MelSpectrogram Minimum MixUp MultiHeadAttention Multiply Normalization PReLU Permute
Pipeline RMSNormalization RNN RandAugment RandomBrightness RandomColorDegeneration
RandomColorJitter RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip
RandomGaussianBlur RandomGrayscale RandomHeight RandomHue RandomInvert RandomPerspective
RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation
RandomWidth RandomZoom ReLU RepeatVector Rescaling Reshape Resizing ReversibleEmbedding
STFTSpectrogram SeparableConv1D SeparableConv2D SeparableConvolution1D SeparableConvolution2D
SimpleRNN SimpleRNNCell Softmax Solarization SpatialDropout1D SpatialDropout2D SpatialDropout3D
SpectralNormalization StackedRNNCells Subtract SyncBatchNormalization ThresholdedReLU
TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D Wrapper ZeroPadding1D
ZeroPadding2D ZeroPadding3D
""")
TEXT_LAYERS = _names("TextVectorization StringLookup IntegerLookup Hashing HashedCrossing")
INITIALIZERS = _names("""
Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer Initializer
LecunNormal LecunUniform Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform STFT
STFTInitializer TruncatedNormal VarianceScaling Zeros
""")
REGULARIZERS = frozenset({"L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer"})
CONSTRAINTS = frozenset({
    "Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "RadialConstraint", "UnitNorm",
})
ACTIVATIONS = _names("""
celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu
linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus
softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink threshold
""")
ARRAY_OPERATIONS = _names("""
Abs Absolute Add All Amax Amin Any Argmax Argmin Average BroadcastTo Ceil Clip Concatenate Copy Cos
Cumsum Divide DivideNoNan Dot Einsum Equal Exp ExpandDims Expm1 Flip Floor FloorDivide Full FullLike
GetItem Greater GreaterEqual Isfinite Isinf Isnan Less LessEqual Log Log1p Logaddexp LogicalAnd
LogicalNot LogicalOr Matmul Max Maximum Mean Min Minimum Mod Moveaxis Multiply NanToNum Negative
NotEqual OnesLike Outer Pad Power Prod Ravel Reciprocal Repeat Reshape Roll Rot90 Round Sign Sin
Sort Split Sqrt Square Squeeze Stack Std Subtract Sum Swapaxes Take TakeAlongAxis Tan Tanh
Tensordot Tile Transpose TrueDivide Trunc Var Vstack Hstack Where ZerosLike
""")
NETWORK_OPERATIONS = _names("""
AdaptiveAveragePool AdaptiveMaxPool AveragePool BatchNorm Celu Conv ConvTranspose DepthToSpace
DepthwiseConv DotProductAttention Elu Gelu Glu HardShrink HardSigmoid HardSilu HardTanh LayerNorm
LeakyRelu LogSigmoid LogSoftmax MaxPool Moments MultiHot Normalize OneHot RMSNorm Relu Relu6 Selu
SeparableConv Sigmoid Silu SoftShrink Softmax Softplus Softsign SpaceToDepth SparsePlus
SparseSigmoid Sparsemax Squareplus TanhShrink Threshold Unfold
""")
IMAGE_OPERATIONS = _names("""
CropImages ExtractPatches GaussianBlur HSVToRGB PadImages RGBToGrayscale RGBToHSV Resize
""")
CORE_OPERATIONS = frozenset({
    "Cast", "ConvertToTensor", "SaturateCast", "Slice", "StopGradient", "Unstack",
})
MATH_OPERATIONS = frozenset({"Erf", "Logsumexp", "Rsqrt", "TopK"})
FUNCTION_LAYERS = frozenset({"TFOpLambda", "SlicingOpLambda"})
# fmt: on

ALLOWED: dict[str, frozenset[str]] = {
    "": NETWORKS | POLICIES,
    "models": NETWORKS,
    "models.functional": NETWORKS,
    "models.sequential": NETWORKS,
    "models.model": NETWORKS,
    "engine.functional": NETWORKS,
    "engine.sequential": NETWORKS,
    "engine.training": NETWORKS,
    "layers": LAYERS,
    "applications.convnext": frozenset({"LayerScale", "StochasticDepth"}),
    "applications.inception_resnet_v2": frozenset({"CustomScaleLayer"}),
    "initializers": INITIALIZERS,
    "regularizers": REGULARIZERS,
    "constraints": CONSTRAINTS,
    "mixed_precision": POLICIES,
    "mixed_precision.policy": POLICIES,
    "dtype_policies": POLICIES,
    "random": frozenset({"SeedGenerator"}),
    "layers.core.tf_op_layer": FUNCTION_LAYERS,
    "ops.numpy": ARRAY_OPERATIONS,
    "ops.nn": NETWORK_OPERATIONS,
    "ops.image": IMAGE_OPERATIONS,
    "ops.core": CORE_OPERATIONS,
    "ops.math": MATH_OPERATIONS,
}
"""The classes of each module, named without its prefix."""

VALUES = frozenset(
    {
        "__keras_tensor__",
        "__tensor__",
        "__numpy__",
        "__tuple__",
        "__set__",
        "__bool__",
        "__bytes__",
        "__complex__",
        "__ellipsis__",
        "__slice__",
        "__typespec__",
    }
)
"""Plain values in the form of an object; they name no module."""
WITHOUT_MODULE = (
    VALUES
    | NETWORKS
    | POLICIES
    | LAYERS
    | INITIALIZERS
    | REGULARIZERS
    | CONSTRAINTS
    | FUNCTION_LAYERS
    | {"SeedGenerator"}
)
"""Files of Keras 1 and 2 name no module. Initializers may be written like functions there."""


def is_allowed(name: str, module: str | None) -> bool:
    """Whether a configuration may name this class of this module (None: it names none)."""
    if module is None:
        return name in WITHOUT_MODULE
    prefix = PREFIX.match(module)
    if prefix is None:
        return False
    return name in ALLOWED.get(module[prefix.end() :], ())


def is_function(name: object, module: object) -> bool:
    """Whether the name is that of an activation function."""
    return name in ACTIVATIONS and module in (None, "builtins", "keras.activations")
