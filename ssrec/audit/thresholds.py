"""Every limit of the audit in one place: from which size on a measured value is worth a note, a warning, or is grave.

Shares are of 1. A limit is a judgement; what it rests on stands beside it. Raise `fingerprint.VERSION` with a change.
"""

SEED = 0  # of every sample that the audit draws
SAMPLE = 50_000  # users or rows in a sample: a share of .05 then has a standard error of .001
SCORES = 12 * 10**9  # scores that a floor may compute or compare; beyond it, it is measured on fewer rows

Z = 5.0  # below it an order may be chance: one test in 1.7 million passes by itself, and a page makes a dozen

# Order inside ties: without a leak the share of ascending pairs is 1/2. Beauty's file has 1.0, shuffled ties .50.
TIES_ORDER_WARNING = 0.02  # distance from 1/2
TIES_ORDER_GRAVE = 0.10
TIES_GRAVE_SHARE = 0.01  # fewer tied neighbours than this cannot move a result much
TIES_AGREE_WARNING = 0.55  # two users who have the same tied neighbours agree on their order; 1/2 without a leak
TIES_AGREE_GRAVE = 0.70

# Order without times: behaviour itself has some (a sequel follows the original), so the limits are further out.
# ML-1M, rated from lists: titles .52, agreement .66. Beauty's file: product ids .69, agreement .75; a third of its
# pairs are sorted. Files sorted by id: 1.0 and 1.0.
UNTIMED_ORDER_WARNING = 0.05
UNTIMED_ORDER_GRAVE = 0.30
UNTIMED_AGREE_WARNING = 0.60
UNTIMED_AGREE_GRAVE = 0.90

TIED_TARGETS_WARNING = 0.01  # rows whose target is the last by the order of the file alone
BY_APPEARANCE = 0.99  # first occurrences that ascend: then ids were given out in the order of the events

REMOVED_WARNING = 0.5  # of the raw events: results are about another dataset than its name says
SHORT_HISTORY = 3  # training events up to which cropping, masking and reordering change little
SHORT_WARNING = 0.5  # of the users
COLD_WARNING = 0.05  # of the targets: nothing that learns ids alone can find them
NO_HISTORY_WARNING = 0.01  # of the held-out rows: a model sees nothing of the user
UNTESTED_WARNING = 0.05  # of the users: the average is over others than the dataset's

REPEATS_WARNING = 0.01  # of the targets: masking the past or not then decides what is measured
DUPLICATES_WARNING = 0.05  # of the events
OVERLAP_GRAVE = 0.001  # of the targets whose very event is also in another part

FUTURE_WARNING = 0.01  # of the training events, in the mean over targets: later than the target
OWN_FUTURE_WARNING = 0.01  # of the users: trained on what they did after their target

DRIFT_WARNING = 0.05  # Jensen-Shannon distance (0 to 1) above that of held-out events drawn at random
CONCENTRATION_WARNING = 0.5  # of the targets among the 1 % most popular items

OWN_HISTORY_NOTE = 0.01  # HR@10 of listing a user's own past
TIED_SCORE_RATIO = 1.5  # Markov's NDCG@10 on tied rows over the others
TWIN_TARGETS_WARNING = 0.01  # of the targets: the past holds another row of the same product
