"""What a results folder is told by: a picture or a heading, and what stands beside it.

A chart is added here: a row in :data:`TOPICS`. Its name is that of the picture, and of the table
that is drawn unless ``table`` names another; its first two digits are the notebook's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from matplotlib.figure import Figure

from simcse_core.report import explorer_plots, plotting, set_plots, use_plots
from simcse_core.report.records import Records
from simcse_core.report.set_rows import named
from simcse_core.report.style import language

# A text in each language.
Words = Mapping[str, str]
# From records, title and caption to a figure.
Draw = Callable[[Records, str, str], Figure]


@dataclass(frozen=True)
class Topic:
    """One heading of a page.

    Attributes:
        title: the heading, and the title of the picture.
        guide: how to read it.
        told: what stands below, each as in a marker of :mod:`simcse_core.report.markers`, with the
            table's name for its file.
        draw: makes the picture; None where there is only text.
        alt: what the picture shows, for those who do not see it.
        table: the table that is drawn; empty for the one that has the topic's name.
    """

    title: Words
    guide: Words
    told: tuple[str, ...] = ()
    draw: Draw | None = None
    alt: Words | None = None
    table: str = ""


# By the number of the notebook that measures it.
SECTIONS: dict[str, Words] = {
    "01": {"en": "Before any training", "zh": "训练之前"},
    "02": {"en": "A small sample", "zh": "小样本"},
    "03": {"en": "Large data", "zh": "大数据"},
    "04": {"en": "Epochs", "zh": "训练轮数"},
    "05": {"en": "Summary and claims", "zh": "总结与论断"},
    "06": {"en": "Your sentences", "zh": "自己的句子"},
    "07": {"en": "What vectors are for", "zh": "句向量的用途"},
    "08": {"en": "The explorer", "zh": "亲手试试"},
    "09": {"en": "Elsewhere", "zh": "换到别的数据"},
}

_SCORES_GUIDE = {
    "en": "Each box holds the middle half of the cosines of all pairs with one human label (0 "
    "unrelated, 5 same meaning); whiskers run from 5 % to 95 %. Spearman is high where the boxes "
    "climb without overlapping.",
    "zh": "每个箱体是某一人工标注（0 为无关，5 为同义）下所有句对余弦值的中间一半，"
    "须从 5 % 到 95 %。箱体逐级上升而少重叠时，Spearman 就高。",
}
_SCORES_ALT = {
    "en": "Boxes of cosine similarity for each human label, a panel for each method",
    "zh": "各人工标注下余弦相似度的箱线图，每种方法一幅",
}
_CURVE_GUIDE = {
    "en": "Thick lines are means over seeds, bands run from the lowest to the highest seed, thin "
    "lines are single seeds. Dashed: the untrained encoder. The report's [CLS] comes first, then "
    "the pooling that is best untrained; each was trained under the pooling that is measured. The "
    "hatched band and the dotted arrow are what the report claims of SimCSE, by the criteria that "
    "its claims are judged by.",
    "zh": "粗线为多种子平均，色带从最低到最高的种子，细线为单个种子；虚线为未训练的编码器。"
    "先是报告所用的 [CLS]，再是未训练时最好的池化；训练与测量用同一种池化。"
    "斜线带与点线箭头为原报告对 SimCSE 的论断，标准与判定论断时相同。",
}


# Where the report's curve over few sentences turns from steep to flat (simcse_core.claims).
TURN = 400


def _curve(x: str, flat_from: float) -> Draw:
    return lambda r, title, caption: plotting.plot_curve(
        r.frame, x, flat_from=flat_from, title=title, caption=caption
    )


def _scores(own_scales: bool) -> Draw:
    return lambda r, title, caption: plotting.plot_scores_by_label(
        r.frame, own_scales=own_scales, title=title, caption=caption
    )


def _several(plot: Callable[..., Figure]) -> Draw:
    return lambda r, title, caption: plot(named(r.frame, language()), title=title, caption=caption)


TOPICS: dict[str, Topic] = {
    "01_scores_by_label": Topic(
        title={"en": "What Spearman sums up", "zh": "Spearman 概括的是什么"},
        guide={
            "en": f"{_SCORES_GUIDE['en']} Each panel has a scale of its own: what "
            "counts is the order, not how large a cosine is.",
            "zh": f"{_SCORES_GUIDE['zh']}各幅刻度不同，因为要看的是顺序，而不是余弦的大小。",
        },
        draw=_scores(own_scales=True),
        alt=_SCORES_ALT,
    ),
    "01_baselines": Topic(
        title={
            "en": "Spearman of every method that needs no training",
            "zh": "各种无需训练的方法的 Spearman",
        },
        guide={
            "en": "Points are means over seeds where a seed decides anything; thin lines are 95 % "
            "bootstrap intervals over the pairs. The report's own numbers are of untrained "
            "encoders under [CLS], which comes first; they are shown with the data that it was "
            "measured on and no other, each on the line of the encoder that stands for its own.",
            "zh": "点为平均值（凡取决于种子者取多种子平均），细线为句对自助抽样的 95 % 区间。"
            "[CLS] 在前：原报告的数字是未训练编码器的 [CLS]，只与它所用的数据并列，"
            "各标在对应编码器的一行。",
        },
        told=(
            "baselines 01_baselines",
            "spearman 01_baselines encoder pooling method",
            "ready_made 01_baselines",
            "differences 01_differences",
            "published 01_baselines",
        ),
        draw=lambda r, title, caption: plotting.plot_baselines(
            r.frame, r.stamp.get("published"), title=title, caption=caption
        ),
        alt={
            "en": "A line for each encoder and pooling and for each method without an encoder, "
            "with its Spearman and interval on dev and on test",
            "zh": "每个编码器与池化、每种不用编码器的方法各占一行，"
            "标出验证集与测试集的 Spearman 及区间",
        },
    ),
    "02_small_sample": Topic(
        title={
            "en": "Spearman after training on a few hundred sentences",
            "zh": "用几百条句子训练后的 Spearman",
        },
        guide=_CURVE_GUIDE,
        told=(
            "curve 02_small_sample n_train",
            "chosen 02_small_sample n_train",
            "points 02_small_sample n_train test",
            "points 02_small_sample n_train dev",
            "differences 02_differences",
        ),
        draw=_curve("n_train", TURN),
        alt={
            "en": "Spearman against the number of unlabelled sentences, a line for each method",
            "zh": "Spearman 随无标注句数的变化，每种方法一条线",
        },
    ),
    "02_alignment_uniformity": Topic(
        title={"en": "Alignment and uniformity along training", "zh": "训练过程中的对齐性与均匀性"},
        guide={
            "en": "Both are better when lower (Wang and Isola, 2020). A path starts at the "
            "untrained encoder and passes every size; what is only fitted stands at its last size.",
            "zh": "两者都是越低越好（Wang 与 Isola，2020）。路径从未训练的编码器出发，"
            "经过每个句数；只做拟合的方法画在最大句数处。",
        },
        draw=lambda r, title, caption: plotting.plot_geometry(
            r.frame, title=title, caption=caption
        ),
        alt={
            "en": "The plane of uniformity and alignment with the path of training and a point for "
            "each other method",
            "zh": "均匀性与对齐性的平面：训练走过的路径，以及其他方法各一个点",
        },
        table="02_small_sample",
    ),
    "02_scores_by_label": Topic(
        title={"en": "Cosines before and after training", "zh": "训练前后的余弦值"},
        guide=_SCORES_GUIDE,
        draw=_scores(own_scales=False),
        alt=_SCORES_ALT,
    ),
    "03_large_data": Topic(
        title={
            "en": "Spearman after training on thousands of sentences",
            "zh": "用成千上万条句子训练后的 Spearman",
        },
        guide=_CURVE_GUIDE,
        told=(
            "curve 03_large_data n_train",
            "chosen 03_large_data n_train",
            "points 03_large_data n_train test",
            "points 03_large_data n_train dev",
            "differences 03_differences",
        ),
        draw=_curve("n_train", 0),
        alt={
            "en": "Spearman against the number of unlabelled sentences, a line for each method",
            "zh": "Spearman 随无标注句数的变化，每种方法一条线",
        },
    ),
    "04_epochs": Topic(
        title={"en": "Spearman after each epoch", "zh": "每一轮之后的 Spearman"},
        guide=_CURVE_GUIDE,
        told=(
            "curve 04_epochs epoch",
            "chosen 04_epochs epoch",
            "points 04_epochs epoch test",
            "points 04_epochs epoch dev",
            "differences 04_differences",
        ),
        draw=_curve("epoch", 0),
        alt={
            "en": "Spearman against the number of epochs, a line for each method",
            "zh": "Spearman 随训练轮数的变化，每种方法一条线",
        },
    ),
    "05_before_after": Topic(
        title={"en": "Each encoder before and after training", "zh": "各编码器训练前后"},
        guide={
            "en": "Large marks are means over seeds, small ones below them single seeds, and the "
            "number is what training without labels changed: under the report's [CLS], then under "
            "the pooling that is best untrained.",
            "zh": "大标记为多种子平均，下方的小标记为单个种子，数字为无监督训练带来的变化："
            "先是报告所用的 [CLS]，再是未训练时最好的池化。",
        },
        told=(
            "comparison 05_before_after",
            "last 05_before_after encoder pooling method",
            "differences 05_differences",
        ),
        draw=lambda r, title, caption: plotting.plot_before_after(
            r.frame, r.stamp.get("published"), title=title, caption=caption
        ),
        alt={
            "en": "A line for each encoder from its Spearman before training to that after",
            "zh": "每个编码器一行，从训练前的 Spearman 连到训练后",
        },
    ),
    "05_sample": Topic(
        title={"en": "Every method at the same number of sentences", "zh": "相同句数下的各种方法"},
        guide={
            "en": "With the last encoder. Lines are means over seeds. Bars are 95 % intervals over "
            "pairs: they say how far another set of pairs could move a point, not how the methods "
            "compare on this one.",
            "zh": "所用为最后一个编码器。线为多种子平均；竖线为句对抽样的 95 % 区间，"
            "表示换一组句对时一个点会移动多少，"
            "而不是各方法在这组句对上的差别。",
        },
        told=("sample 05_sample",),
        draw=lambda r, title, caption: plotting.plot_sample(r.frame, title=title, caption=caption),
        alt={
            "en": "Spearman against the number of sentences on a log scale, a line for each method",
            "zh": "对数刻度句数下的 Spearman，每种方法一条线",
        },
    ),
    "05_shared": Topic(
        title={
            "en": "Without pairs that share a sentence with another part",
            "zh": "去掉与其他部分共用句子的句对",
        },
        guide={
            "en": "Sentences of dev and test are never trained on, but some also stand in the text "
            "that they were taken out of, or in each other. A change alone proves nothing, since "
            "the pairs left out may be easier or harder than the rest; what counts is whether one "
            "method changes more than another.",
            "zh": "验证集与测试集的句子从不用于训练，但其中一些也出现在剔除它们之前的训练文本中，"
            "或彼此重复。变化本身不说明什么，因为去掉的句对可能更易或更难；"
            "要看的是某种方法是否比别的变化更大。",
        },
        told=("shared 05_shared",),
    ),
    "05_claims": Topic(
        title={"en": "The report's claims", "zh": "原报告的论断"},
        guide={
            "en": "Each claim is held against a criterion stated beforehand, on test, under the "
            "report's [CLS] and then under the pooling that is best untrained. A verdict needs "
            "both intervals to agree: the one over seeds and the one over pairs.",
            "zh": "每条论断按事先写明的标准在测试集上检验，先在报告所用的 [CLS] 下，"
            "再在未训练时最好的池化下；种子间区间与句对间区间一致才下判定。",
        },
        told=("claims 05_claims",),
    ),
    "06_lengths": Topic(
        title={"en": "How long the sentences are", "zh": "句子有多长"},
        guide={
            "en": "Tokens of each sentence, special ones included. What is longer than the "
            "encoder's limit is cut there.",
            "zh": "每句的词元数，含特殊词元；超过编码器上限的部分被截去。",
        },
        draw=lambda r, title, caption: plotting.plot_lengths(r.frame, title=title, caption=caption),
        alt={
            "en": "Bars: how many sentences have how many tokens",
            "zh": "柱状图：各词元数的句子数",
        },
    ),
    "06_training": Topic(
        title={"en": "Along training on these sentences", "zh": "在这些句子上训练的过程"},
        guide={
            "en": "Alignment (of two dropout views) and uniformity are measured on sentences that "
            "are not trained on; both are better when lower. Dashed: untrained. Dotted: the point "
            "that is kept.",
            "zh": "对齐性（两次 dropout）与均匀性在未参与训练的句子上测得，都是越低越好。"
            "虚线为未训练，点线为保留处。",
        },
        told=("training 06_training", "beside 06_training", "kept 06_training"),
        draw=lambda r, title, caption: plotting.plot_training(
            r.frame, title=title, caption=caption
        ),
        alt={
            "en": "A panel for each of loss, alignment, uniformity and, with labels, Spearman, "
            "against how far training is",
            "zh": "损失、对齐性、均匀性以及（有标注时）Spearman 各一幅，随训练进程变化",
        },
    ),
    "07_search": Topic(
        title={"en": "FAQ recall", "zh": "FAQ 问题召回"},
        guide={
            "en": "One question of each group of equal meaning is the standard question, the "
            "others are queries. Points are means over draws, bars 95 % intervals over queries, "
            "crosses the same vectors fused with TF-IDF by reciprocal ranks. In the table, "
            "brackets are the lowest and highest draw.",
            "zh": "同义问题各取一条为标准问题，其余为查询。点为多次抽样平均，"
            "横线为查询间 95 % 区间，"
            "叉为同一向量与 TF-IDF 按名次倒数融合。表中方括号内为最低与最高的抽样。",
        },
        told=("use 07_search", "practice 07_search"),
        draw=lambda r, title, caption: use_plots.plot_search(r.frame, title=title, caption=caption),
        alt={
            "en": "A line for each method with its recall at 1, 5 and 10 and MRR at 10",
            "zh": "每种方法一行，标出前 1、5、10 的召回率与前 10 的 MRR",
        },
    ),
    "07_intents": Topic(
        title={"en": "Intent pre-recall", "zh": "意图预召回"},
        guide={
            "en": "From a few examples of each intent, the likeliest intents by logistic "
            "regression on vectors. Left: how often the right one is among five. Middle: the share "
            "of intent models that need not run if it is to be among those kept for 95 % of the "
            "utterances. Right: recall by the number of intents kept.",
            "zh": "由每个意图的少量示例，用向量上的逻辑回归给出最可能的意图。"
            "左：正确意图在前五之内的比例。中：要使 95 % 的话语保留正确意图，"
            "不必运行的意图模型占比。右：召回随保留意图数的变化。",
        },
        told=("use 07_intents", "practice 07_intents"),
        draw=lambda r, title, caption: use_plots.plot_intents(
            r.frame, title=title, caption=caption
        ),
        alt={
            "en": "Recall and the share of models that need not run against the number of "
            "examples, and recall against the number of intents kept, a line for each method",
            "zh": "召回率与不运行模型占比随示例数、召回率随保留意图数的变化，每种方法一条线",
        },
    ),
    "07_pseudo_labels": Topic(
        title={"en": "Pseudo-labels", "zh": "伪标签"},
        guide={
            "en": "Left: how many labels are right among the surest. Right: accuracy of a "
            "classifier on the few examples alone, with the proposals as they are, with those that "
            "a person would confirm, and with all of them corrected; the true labels stand in for "
            "the person. Bars run from the lowest to the highest draw.",
            "zh": "左：最有把握的标签中正确的比例。右：分类器的准确率，依次为仅用少量示例、"
            "加入未检查的建议、只加入人会确认的、全部改正后加入（以真实标签代替人）。"
            "竖线从最低到最高的抽样。",
        },
        told=("use 07_pseudo_labels", "practice 07_pseudo_labels"),
        draw=lambda r, title, caption: use_plots.plot_pseudo_labels(
            r.frame, title=title, caption=caption
        ),
        alt={
            "en": "Precision against coverage, and accuracy by what a classifier learns from, for "
            "each method",
            "zh": "各方法的精确率随覆盖率的变化，以及分类器按所学内容的准确率",
        },
    ),
    "07_out_of_scope": Topic(
        title={"en": "Out-of-scope utterances", "zh": "范围外话语"},
        guide={
            "en": "Intents held out as unknown (25, 50, 75 % of them) and text of another kind, "
            "detected by the highest probability of a logistic regression on the examples. AUROC "
            "is better when higher, FPR@95 when lower; bars run from the lowest to the highest "
            "draw.",
            "zh": "把一部分意图（25、50、75 %）留作未知，以及另一类文本，"
            "用示例上逻辑回归的最高概率加以区分。AUROC 越高越好，FPR@95 越低越好；"
            "竖线从最低到最高的抽样。",
        },
        told=("use 07_out_of_scope", "practice 07_out_of_scope"),
        draw=lambda r, title, caption: use_plots.plot_out_of_scope(
            r.frame, title=title, caption=caption
        ),
        alt={
            "en": "AUROC and FPR@95 for each kind of unknown text, a point for each method",
            "zh": "各类未知文本的 AUROC 与 FPR@95，每种方法一个点",
        },
    ),
    "07_effects": Topic(
        title={
            "en": "What unlabelled training changes in the uses",
            "zh": "无标注训练给各用途带来的变化",
        },
        guide={
            "en": "Trained minus untrained on the same draws, with the 95 % interval of the mean "
            "over draws (Student's t). The CSV has the other methods too.",
            "zh": "同一抽样上训练后减未训练，附抽样间平均的 95 % 区间（学生 t）。"
            "CSV 中还有与其他方法之差。",
        },
        told=("use 07_effects",),
    ),
    "08_projection": Topic(
        title={
            "en": "Pairs of sentences before, along and after training",
            "zh": "训练前、训练中与训练后的句对",
        },
        guide={
            "en": "A line joins the two sentences of a pair of dev; the plane is that of the two "
            "principal components, fitted once for all panels. Training has helped where pairs of "
            "the same meaning stay short while unrelated ones grow long. Two dimensions show only "
            "part of the vectors; the cosines below are of all of them.",
            "zh": "线段连接验证集中一个句对的两句；平面为两个主成分，各幅共用同一次拟合。"
            "同义句对的线段仍短、无关句对的线段变长，训练才算有用。"
            "二维只能显示向量的一部分，下面的余弦取自全部维度。",
        },
        told=("checkpoints 08_checkpoints", "explored 08_checkpoints"),
        draw=lambda r, title, caption: explorer_plots.plot_projection(
            r.frame, title=title, caption=caption
        ),
        alt={
            "en": "A panel for each point of training: pairs of the same meaning and unrelated "
            "pairs as lines in the plane",
            "zh": "每个训练点一幅：平面上的同义句对与无关句对，各为一条线段",
        },
    ),
    "09_answer": Topic(
        title={"en": "What to take with few sentences", "zh": "句子不多时用什么"},
        guide={
            "en": "The one method that, taken on every source, stays least below the method that "
            "is best on each (Spearman; mean over sources and seeds). Encoders stand under the "
            "pooling that is best untrained on dev. What SimCSE changes has the lowest and highest "
            "source in brackets; a gain or loss is clear where the interval over pairs leaves "
            "out 0.",
            "zh": "若在所有数据集上都用同一种方法，哪一种最接近各数据集上的最佳"
            "（Spearman；对数据集与种子平均）。编码器用其未训练时在验证集上最好的池化。"
            "SimCSE 带来的变化后方括号内为最低与最高的数据集；“明显”指句对区间不含 0。",
        },
        told=("several_table 09_answer",),
    ),
    "09_elsewhere": Topic(
        title={
            "en": "What SimCSE changes on each source",
            "zh": "SimCSE 在各数据集上带来的变化",
        },
        guide={
            "en": "On test, mean over seeds; bars are 95 % intervals over pairs of the difference. "
            "Left: against the encoder before training. Right: against TF-IDF of characters, "
            "fitted on the same sentences.",
            "zh": "测试集，多种子平均；横线为差值的句对抽样 95 % 区间。"
            "左：与训练前的编码器相比；右：与在同样句子上拟合的字 TF-IDF 相比。",
        },
        told=(
            "several 09_gains",
            "several_table 09_gains",
            "several_table 09_elsewhere",
        ),
        draw=_several(set_plots.plot_gains),
        alt={
            "en": "A line for each source, encoder and pooling with the change in Spearman for "
            "each number of sentences, against the untrained encoder and against TF-IDF",
            "zh": "每个数据集、编码器与池化一行，标出各句数下相对未训练编码器与相对 TF-IDF 的"
            " Spearman 变化",
        },
        table="09_gains",
    ),
    "09_recipes": Topic(
        title={"en": "Recipes for few sentences", "zh": "小样本的训练配方"},
        guide={
            "en": "Each minus plain SimCSE on the same sentences, on test, mean over seeds. In the "
            "table: mean, lowest and highest over sources, encoders and poolings, and at how many "
            "of them the interval over pairs is above (↑) or below (↓) zero.",
            "zh": "各配方减去同样句子上的普通 SimCSE，测试集，多种子平均。"
            "表中：各数据集、编码器与池化的平均、最低与最高，"
            "以及句对区间高于（↑）或低于（↓）零的个数。",
        },
        told=("recipes 09_gains", "recipes_table 09_gains"),
        draw=_several(set_plots.plot_recipes),
        alt={
            "en": "A line for each recipe with its difference from plain SimCSE on each source and "
            "the mean of them, a panel for each number of sentences",
            "zh": "每种配方一行，标出在各数据集上与普通 SimCSE 之差及其平均，每个句数一幅",
        },
        table="09_gains",
    ),
    "09_rule": Topic(
        title={"en": "Choosing without labels", "zh": "没有标注时的选择"},
        guide={
            "en": "How far each policy stays below the best method at hand on a source: Spearman "
            "on test, mean over sizes and seeds. A policy is the rule, or one method always. The "
            "rule takes the method that one measure without labels finds best; hollow marks are "
            "sources that it was fixed on.",
            "zh": "每种选法在测试集上比该数据集手头最好的方法低多少 Spearman，对句数与种子取平均。"
            "选法或是按规则，或是始终用同一种方法；规则取某个无标注指标上最好的方法。"
            "空心标记为用来确定规则的数据集。",
        },
        told=("several 09_rule", "several_table 09_rule", "several_table 09_indicators"),
        draw=_several(set_plots.plot_rule),
        alt={
            "en": "A bar for each policy with the mean gap and a mark for each source",
            "zh": "每种选法一条横条表示平均差距，各数据集各一个标记",
        },
    ),
    "09_labels": Topic(
        title={"en": "How many labelled pairs it takes to choose", "zh": "标注多少句对才够选择"},
        guide={
            "en": "The method that is best on so many labelled pairs of dev is taken; it is right "
            "if it is within 0.01 of the best on test. The table has the mean gap to the best too.",
            "zh": "取在这么多验证集标注句对上最好的方法；若其测试集结果与最好者相差不超过 0.01，"
            "就算选对。表中还有与最好者的平均差距。",
        },
        told=("several 09_labels", "several_table 09_labels"),
        draw=_several(set_plots.plot_labels),
        alt={
            "en": "The share of draws that choose right against the number of labelled pairs, a "
            "line for each source",
            "zh": "选对的抽样占比随标注句对数的变化，每个数据集一条线",
        },
    ),
}
CHARTS: dict[str, Topic] = {name: topic for name, topic in TOPICS.items() if topic.draw}
