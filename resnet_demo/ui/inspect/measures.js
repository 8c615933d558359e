// What blocks can be measured by: the tile's colour and the bars below.

import { make } from "../static/dom.js";
import { find } from "./state.js";

// name: {title, of: the value of a block, log: a log scale, reading: how to read it}.
export const MEASURES = {
  relative_grad_norm: {
    title: "relative gradient norm",
    of: (block) => block.relative_grad_norm,
    log: true,
    reading: "Norm of the gradient of the loss for this class, over the norm of the block's weights. One picture, " +
      "eval mode: how strongly each block would be changed. It is not what \"vanishing gradients\" means at the " +
      "start of training; for that press \"Before any training\".",
  },
  grad_norm: {
    title: "gradient norm at the output",
    of: (block) => block.grad_norm,
    log: true,
    reading: "Norm of the loss's gradient with respect to the block's output. Even from stem to end: every block " +
      "hears the loss (He et al. 2015, section 4.1, checked this for their plain nets too).",
  },
  branch_over_shortcut: {
    title: "branch over shortcut",
    of: (block) => block.branch_over_shortcut,
    log: true,
    reading: "Norm of what the branch adds over the norm of what the shortcut carries, before the addition. Below 1 " +
      "the block only corrects what passes by (He et al. 2015, section 3.1). Plain networks have none.",
  },
  response_std: {
    title: "response std",
    of: (block) => block.response_std_mean,
    log: false,
    reading: "Standard deviation of the outputs of each 3x3 layer after batch normalisation, before the nonlinearity " +
      "or addition; mean over the block's layers, on this one picture (He et al. 2015, Fig. 7, is over the data set).",
  },
  activation_std: {
    title: "activation std",
    of: (block) => block.activation_std,
    log: false,
    reading: "Standard deviation of the block's output on this picture.",
  },
  dead_share: {
    title: "silent channels",
    of: (block) => block.dead_share,
    log: false,
    reading: "Share of the block's channels that are zero everywhere on this picture.",
  },
  receptive_field_px: {
    title: "effective receptive field, px",
    of: (block) => block.receptive_field_px,
    log: false,
    reading: "Side of the area of the picture that the block's central output hangs on: gradient over 4.55 % of the " +
      "largest (Luo et al. 2016).",
  },
  deletion: {
    title: "deletion score of Grad-CAM",
    of: (block) => block.deletion,
    log: false,
    reading: "Share of the class's probability left when the top fifth of the block's heat map is blurred. Lower " +
      "than for random maps: the map shows what the network goes by (after Petsiuk et al. 2018).",
  },
};

export const measure = () => MEASURES[find(".measure").value];

export function fillMeasures() {
  for (const [value, { title }] of Object.entries(MEASURES)) {
    find(".measure").append(make("option", { value, textContent: title }));
  }
}

// 0..1 of a block's value among those of its network, on the measure's scale.
export function shareOf({ of, log }, blocks) {
  const drawable = (value) => value > 0 || (!log && value !== null && value !== undefined);
  const scale = log ? Math.log : (value) => value;
  const known = blocks.map(of).filter(drawable);
  const low = scale(Math.min(...known)), high = scale(Math.max(...known));
  return (block) => {
    if (!drawable(of(block))) return 0;
    return high > low ? (scale(of(block)) - low) / (high - low) : 1;
  };
}
