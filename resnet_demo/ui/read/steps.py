"""The ten steps as text. "The article" is the W&B report "Understanding ResNets: A Deep Dive into
Residual Networks with PyTorch"; what it gets wrong is said with the source that says otherwise.

Numbers that were measured are in the figures, which compute them; text has none but names.
"""

from dataclasses import dataclass

from resnet_demo.config import CIFAR_DEPTHS, IMAGENET_DEPTHS

Options = tuple[tuple[str, str], ...]  # (value, label)


@dataclass(frozen=True)
class Step:
    """One step of the walk; its figure is made by the function of its name in `figures`."""

    name: str
    title: str
    text: str
    control: str  # what the choice below is about
    options: Options
    link: str  # where the same is done in earnest: an address of this page
    link_text: str
    article: str = ""  # what the article says
    correction: str = ""  # what is so instead, with its source


LOOP = "loop"  # among the faults of the article's listing: what is left when all are mended
DEEP = tuple((str(depth), f"{depth} layers") for depth in CIFAR_DEPTHS if depth >= 20)
NAMED = tuple((f"resnet{depth}", f"ResNet-{depth}") for depth in IMAGENET_DEPTHS)

STEPS = (
    Step(
        name="degradation",
        title="Deeper was worse",
        text="Take a network of 20 layers that works, and add 36 more. The deeper one can do all "
        "that the shallow one can: let the new layers pass on what they get. Yet when both are "
        "trained, the deeper plain network ends with the higher error, on the pictures that it "
        "was trained on too. With shortcuts the order turns round. Guess first, then look.",
        control="Which plain network ends with the lower training error?",
        options=(("", "guess …"), ("20", "20 layers"), ("56", "56 layers")),
        link="?tab=lab",
        link_text="Train them yourself in the Lab",
        article="that the added layers could be anything that does nothing, linear layers say.",
        correction="they must be identities: a linear layer changes what it gets "
        "(He et al. 2015, section 1).",
    ),
    Step(
        name="gradients",
        title="It is not overfitting, and not vanishing gradients",
        text="An overfitted network has a low training error; here the training error itself is "
        "high. And with batch normalisation gradients do not die on the way back to the picture: "
        "in a plain network they grow, layer by layer, before anything is trained. Shortcuts hold "
        "that back. Move the depth and see what reaches each block.",
        control="Depth of the untrained networks",
        options=DEEP,
        link="?tab=inspect",
        link_text="The same for trained networks, in Inspect",
        article="that degradation is the vanishing gradient problem.",
        correction="the paper finds this unlikely, since neither forward nor backward signals "
        "vanish (He et al. 2015, section 4.1); measured here, they explode.",
    ),
    Step(
        name="block",
        title="F(x) + x",
        text="A residual block learns what to add to its input. Its branch F is two convolutions; "
        "its shortcut passes x on as it came; their sum goes on. Doing nothing is easy: F has only "
        "to become zero. Choose a block of the network that ships with this page: how large is "
        "what it adds, beside what passes by?",
        control="Block",
        options=(),  # the network's own, see tab.py
        link="?tab=inspect&model=bundled",
        link_text="Switch blocks off, cut shortcuts: Inspect",
        article="that the network can skip layers.",
        correction="nothing is skipped or chosen: x is added, always. Taking a branch away is an "
        "experiment that we do (Veit et al. 2016).",
    ),
    Step(
        name="shapes",
        title="When shapes change",
        text="x can only be added to F(x) when both have one shape. At the start of a stage the "
        "branch halves the picture and doubles the channels; the shortcut has to follow. The "
        "paper's option A takes every second pixel and fills new channels with zeros, option B "
        "uses a convolution of one pixel with the same stride.",
        control="Stage of ResNet-18",
        options=tuple((str(n), f"layer{n}") for n in range(1, 5)),
        link="?tab=inspect&model=bundled",
        link_text="Every shape of a trained network, in Inspect",
        article="a shortcut convolution of stride 1 beside a branch of stride 2.",
        correction="the sum then fails; the shortcut has the branch's stride "
        "(He et al. 2015, section 3.3).",
    ),
    Step(
        name="architectures",
        title="Five networks in one table",
        text="ResNet-18 to ResNet-152 are one plan with other counts: a stem that takes the "
        "picture down to a quarter of its side, four stages, the mean over all places, one linear "
        "layer. From 50 layers on, blocks are bottlenecks: one pixel, three by three, one pixel. "
        "Here they are built and counted, beside the multiply-adds that the paper prints.",
        control="Network",
        options=NAMED,
        link="?tab=train",
        link_text="Train one",
        article="floating point operations.",
        correction="the paper's numbers are multiply-adds. ResNet-50 has more here and in every "
        "library: its stride sits in the 3x3 (He et al. 2015, Table 1).",
    ),
    Step(
        name="timm",
        title="The library's network is this network",
        text="timm makes a ResNet with one call. It is the paper's, and ours is the same one: give "
        "both the same weights and show them the same picture. What comes out differs by nothing. "
        "A made network is not a trained one, and weights that come with it have a history of "
        "their own.",
        control="Network",
        options=NAMED[:3],
        link="?tab=classify&model=timm:resnet50",
        link_text="Classify a picture with timm's weights",
        article="that this implements a ResNet.",
        correction="it creates one. Its default weights come from a recipe of 600 epochs, "
        "not from the paper's (Wightman et al. 2021).",
    ),
    Step(
        name="preprocessing",
        title="What the network is shown",
        text="A network sees a small square. Squashing a photograph into it makes everything thin; "
        "cutting its middle out keeps shapes and loses edges. Then each colour has a mean taken "
        "off and is divided by a deviation, the same ones as in training: others shift every "
        "number in the network.",
        control="Picture",
        options=(("0", "golf ball"), ("1", "parachute"), ("2", "church")),
        link="?tab=classify",
        link_text="See what it sees of your own picture",
        article="Resize((224, 224)) and a mean and deviation of one half.",
        correction="the shorter side is scaled and a square cut out; pretrained weights need "
        "ImageNet's mean and deviation (He et al. 2015, section 3.4).",
    ),
    Step(
        name="listing",
        title="The article's own code, run",
        text="The article's network and loop do not run as printed. Each of these faults is made "
        "again here, in a few lines, and run while you look: what Python says, and what the mended "
        "line gives.",
        control="Fault",
        options=(
            ("stride", "the shortcut's stride"),
            ("pool", "no pooling before the classifier"),
            ("momentum", "Adam with momentum"),
            ("nothing", "a block that returns nothing"),
            ("printing", "a loss printed every 2,000 steps"),
            ("stem", "a stem for small pictures at 224 px"),
            (LOOP, "none: the mended loop beside ours"),
        ),
        link="?tab=train",
        link_text="A loop that runs, resumes and validates: Train",
        article="a complete implementation.",
        correction="with these mends it trains; what makes it good is the rest: augmentation, a "
        "schedule, validation, weights that are kept.",
    ),
    Step(
        name="evaluation",
        title="How good is it, and how sure?",
        text="In training mode batch normalisation uses the batch it is given, so that an answer "
        "depends on the other pictures; evaluation mode uses what was learned. Logits are no "
        "probabilities until softmax makes them some. And an accuracy is a count of a sample: the "
        "fewer pictures, the wider what it may mean.",
        control="Pictures counted",
        options=(("100", "100"), ("500", "500"), ("3925", "3,925")),
        link="?tab=train&run=shipped",
        link_text="The report of the network that ships with the page",
        article="an output that represents the probabilities, and a test without eval().",
        correction="the output is logits; without eval() the test changes the network "
        "(PyTorch's BatchNorm2d).",
    ),
    Step(
        name="next",
        title="What to try next",
        text="You know why plain networks fail, what a shortcut changes, and what a block adds. "
        "The rest is done with your own hands: train, take apart, guess and be surprised.",
        control="What would you like to do?",
        options=(
            ("train", "train a network while I watch"),
            ("own", "use my own pictures"),
            ("apart", "take a trained network apart"),
            ("lab", "see depth fail, then work"),
        ),
        link="?tab=train",
        link_text="Begin",
    ),
)
