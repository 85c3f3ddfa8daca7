"""What a reader who is new to the field needs to know before the numbers, in both languages."""

from __future__ import annotations

ABOUT = {
    "en": "An encoder turns a sentence into a vector, and sentences that mean the same should have "
    "vectors that lie close. SimCSE (Gao et al., 2021) trains an encoder on sentences without "
    "labels: each is encoded twice under different dropout, the two vectors are drawn together, "
    "and the vectors of other sentences are pushed away. These pages tell how far that gets with "
    "few Chinese sentences, beside methods that need no training. A score is how well an encoder's "
    "similarities rank pairs of sentences as people do: 0 is chance, 1 is full agreement.",
    "zh": "编码器把句子变成向量，意思相近的句子，向量也应当靠近。SimCSE（Gao 等，2021）"
    "用没有标注的句子训练编码器：同一句话在不同的 dropout 下编码两次，把这两个向量拉近，"
    "把别的句子的向量推远。这里要回答的是：只有少量中文句子时，这样做能走多远，"
    "与不需要训练的方法相比如何。分数衡量编码器给句对排出的相似度顺序与人的判断有多一致："
    "0 相当于随机，1 为完全一致。",
}
# A term in each language, and what it means.
TERMS: tuple[tuple[dict[str, str], dict[str, str]], ...] = (
    (
        {"en": "Spearman", "zh": "Spearman 相关系数"},
        {
            "en": "Rank correlation between cosine similarity and the similarity that people gave "
            "the same pairs, from -1 to 1.",
            "zh": "余弦相似度与人工标注的相似度在同一批句对上的等级相关系数，取值 -1 到 1。",
        },
    ),
    (
        {"en": "dev, test", "zh": "验证集、测试集"},
        {
            "en": "Labelled pairs that nothing is trained on. Whatever is chosen is chosen on dev; "
            "test is for measuring alone.",
            "zh": "都是带标注的句对，不参与训练。凡要选择，只看验证集；测试集只用来评测。",
        },
    ),
    (
        {"en": "untrained", "zh": "未训练"},
        {
            "en": "The encoder as pretraining left it, before any SimCSE.",
            "zh": "只经过预训练、还没有做 SimCSE 的编码器。",
        },
    ),
    (
        {"en": "pooling", "zh": "池化"},
        {
            "en": "How the vectors of a sentence's tokens become one: [CLS] takes the first "
            "token's, mean averages the last layer, first-last-mean averages the first and the "
            "last layer, pooler puts one more layer behind [CLS].",
            "zh": "怎样由各个词元的向量得到一个句向量：[CLS] 取第一个词元，均值是最后一层的平均，"
            "首末层均值是第一层与最后一层的平均，pooler 在 [CLS] 之后再过一层。",
        },
    ),
    (
        {"en": "supervised SimCSE", "zh": "有监督 SimCSE"},
        {
            "en": "The same training on triplets with labels: a sentence, one that follows from "
            "it, one that contradicts it.",
            "zh": "同样的训练，但用带标注的三元组：一句话、由它推出的一句、与它矛盾的一句。",
        },
    ),
    (
        {"en": "TF-IDF", "zh": "TF-IDF"},
        {
            "en": "Counts of characters or words, rare ones weighing more; no encoder.",
            "zh": "字或词的出现次数，少见的权重更高；不用编码器。",
        },
    ),
    (
        {"en": "whitening, IDF-weighted mean", "zh": "白化、IDF 加权平均"},
        {
            "en": "Computed from an untrained encoder's vectors in seconds: the first gives all "
            "directions the same spread, the second averages tokens with rare ones weighing more.",
            "zh": "都由未训练编码器的向量算出，只要几秒：前者使各个方向的分散程度相同，"
            "后者在平均词元时给少见的更高权重。",
        },
    ),
    (
        {"en": "ready-made encoder", "zh": "现成编码器"},
        {
            "en": "One that others trained on far more text, used as it is.",
            "zh": "别人用多得多的文本训练好的编码器，直接拿来用。",
        },
    ),
    (
        {"en": "seed, interval", "zh": "种子、区间"},
        {
            "en": "A seed decides which sentences are drawn and how training goes; a score with "
            "several is their mean. An interval over seeds says how far other draws could move a "
            "number, one over pairs how far other test pairs could.",
            "zh": "种子决定抽到哪些句子、训练怎样进行；有多个种子时取平均。"
            "种子间的区间说明换一次抽样数字会变多少，句对间的区间说明换一批测试句对会变多少。",
        },
    ),
    (
        {"en": "alignment, uniformity", "zh": "对齐性、均匀性"},
        {
            "en": "How far apart pairs of the same meaning lie, and how evenly all sentences are "
            "spread (Wang and Isola, 2020); lower is better for both.",
            "zh": "同义句对相距多远，以及所有句子分布得多均匀（Wang 与 Isola，2020）；"
            "都是越低越好。",
        },
    ),
    (
        {"en": "the report", "zh": "原报告"},
        {
            "en": "The earlier study of BERT, BERT-wwm and BERT-wwm-ext whose claims are tested.",
            "zh": "此前对 BERT、BERT-wwm、BERT-wwm-ext 的一份研究，这里检验的就是它的论断。",
        },
    ),
)
