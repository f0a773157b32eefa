"""Every finding that an audit can have: its id, what it means, what to do, and the pitfall that it keeps one from."""

from dataclasses import dataclass
from typing import final

from ssrec.audit.section import Finding, Grade


@final
@dataclass(frozen=True)
class Kind:
    """A finding without what was found."""

    id: str
    meaning: str
    advice: str
    pitfall: str

    def __call__(self, grade: Grade, sentence: str) -> Finding:
        return Finding(self.id, grade, sentence, self.meaning, self.advice, self.pitfall)


_FILE_ORDER = (
    "Beauty's file ascends in the product id inside a day: counting what follows what gets NDCG@10 .044 there, and "
    ".031 with ties shuffled."
)
_SHUFFLE = "Compare with clean.ties=shuffled over several seeds, and report tied and untied rows apart."
_NO_TIMES = "Get the times and audit again; without them hold out at random, and use models that read no order."

REMOVED = Kind(
    "removed",
    "Results are about what is left.",
    "Name the steps beside every result, and compare only runs with the same dataset fingerprint.",
    "Filters differ between papers: ML-1M is used with 3,124, 3,416, 3,629 and 3,706 items.",
)
SHORT_HISTORIES = Kind(
    "short_histories",
    "A crop, mask or reordering of so few events is often the same row, or an empty one.",
    "Log how many views change nothing, and report short histories apart.",
    "Contrasts between equal rows count as training and teach nothing.",
)
TIES = Kind(
    "ties",
    "For those rows the order of the file, not of events, says what is read and what is tested.",
    _SHUFFLE,
    "An unstable sort alone tests another item for 25.8 % of ML-1M's users between two usual files.",
)
TIES_FOLLOW_A_COLUMN = Kind(
    "ties_follow_a_column",
    "The file is sorted there: what comes next can be guessed from the last item's place in an order that no user saw.",
    _SHUFFLE,
    _FILE_ORDER,
)
TIES_FOLLOW_A_FIXED_ORDER = Kind(
    "ties_follow_a_fixed_order",
    "Items have an order of their own inside ties, known column or not; a model can learn it, and no user made it.",
    _SHUFFLE,
    _FILE_ORDER,
)
ORDER_FOLLOWS_A_COLUMN = Kind(
    "order_follows_a_column",
    "Part of the order is that of the column. Near 100 % the lists are sorted, and nothing happened in that order.",
    _NO_TIMES,
    _FILE_ORDER,
)
ORDER_IS_SHARED = Kind(
    "order_is_shared",
    "Some of it is behaviour, some may be ties that the file keeps in one order. Near 100 % the lists are sorted.",
    _NO_TIMES,
    _FILE_ORDER,
)
DUPLICATES = Kind(
    "duplicates",
    "Repeats may be real (plays, check-ins) or a fault of the log; a model that counts them learns from them.",
    "Decide with clean.duplicates (all, first, last, sum), and say which.",
    "Deduplication differs between papers, and so do their datasets of one name.",
)
REPEATS_IN_TEST = Kind(
    "repeats_in_test",
    "Masking the past or not decides what is measured, and own history alone finds some targets.",
    "State mask_seen beside results, and give the row of own history beside those of models.",
    "Listing a user's own past by recency reached HR@10 .062 where methods report .061 to .065.",
)
OVERLAP = Kind(
    "overlap",
    "What is tested was also trained on or read. Without times a real repeat looks the same as a copy.",
    "Remove copies before the split (clean.duplicates=first), or look at where they come from.",
    "A target that is also in the training part measures memory.",
)
COLD_TARGETS = Kind(
    "cold_targets",
    "They count as misses for whatever learns item ids; only content can find them.",
    "Keep them, report the number, and where it is large give results on trained targets apart.",
    "Dropping users whose target is cold raises every number without a word.",
)
ROWS_WITHOUT_PAST = Kind(
    "rows_without_past",
    "Every model ranks these rows alike, most by popularity.",
    "Report them apart, or choose a split with a fold-in part.",
    "A user without history is averaged in as if something had been known.",
)
USERS_NOT_EVALUATED = Kind(
    "users_not_evaluated",
    "The average is over the others, who are usually more active.",
    "State the number of test rows beside results.",
    "Users are dropped silently, and the same name means another population.",
)
PARTS_IGNORED = Kind(
    "parts_ignored",
    "Results do not compare with those of others on the publisher's parts.",
    "Say split=given for the published numbers, or name the split beside every result.",
    "Numbers on one dataset under two splits are put into one table.",
)
FUTURE_OF_OTHERS = Kind(
    "future_of_others",
    "What was popular or bought together later is known when an earlier target is ranked; no system could know it.",
    "Use a split by global time for claims about deployment, and name the split in every table.",
    "Leave-one-out lets a model see other users' future.",
)
FUTURE_OF_THE_USER = Kind(
    "future_of_the_user",
    "The task is to fill gaps, not to say what comes next.",
    "Do not compare with next-item results; hold out by time where order matters.",
    "A random split of sequences is reported as next-item prediction.",
)
POPULARITY_DRIFT = Kind(
    "popularity_drift",
    "What is popular changes, so counts of the training part mislead and recent events tell more.",
    "Give a floor of recent popularity, and say from which time the data of a comparison are.",
    "Popularity counted over everything knows that of the test period.",
)
CONCENTRATED_TARGETS = Kind(
    "concentrated_targets",
    "A list of the most popular items scores high, and accuracy says little about anything else.",
    "Report coverage, novelty and accuracy on rarer targets beside it.",
    "A table without a floor lets popularity pass for a model.",
)
FLOORS = Kind(
    "floors",
    "A model that is not clearly above them has learned nothing that counting does not know.",
    "Put these rows into every table of this split.",
    "A table without a floor cannot show that nothing was learned.",
)
OWN_HISTORY = Kind(
    "own_history",
    "With mask_seen=false a model is paid for repeating the past.",
    "Choose mask_seen for the question asked, state it, and give this row beside the results.",
    "On a set with repeats own history alone reached what methods of two years reported.",
)
TIED_ROWS_SCORE_HIGHER = Kind(
    "tied_rows_score_higher",
    "The order inside ties may give the target away; what is met together may explain part of it.",
    _SHUFFLE,
    "In file order a Markov chain gets NDCG@10 .022 on Beauty's untied users and .073 on the tied ones.",
)
NEAR_DUPLICATES = Kind(
    "near_duplicates",
    "A twin of something in the past is easy to find by content, and counts as something new.",
    "Merge them where they are one product; else report such targets apart when content is used.",
    "Versions of one product in past and target make content models look better than they are.",
)
