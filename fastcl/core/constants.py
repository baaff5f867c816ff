"""The numbers of confident learning, named once."""

#: How far a probability may overshoot [0, 1], how much below its threshold a class still counts as
#: confident, and the head start a given label gets when we ask whether it wins its row.
SLACK = 1e-6

#: Lower bound of a class threshold: a class nobody believes in is not confident everywhere.
MIN_THRESHOLD = 2e-6

#: Threshold of a class that no row was given: above every probability, so never confident.
UNREACHABLE_THRESHOLD = 2.0

#: Lower bound of self-confidence, and of its ratio to entropy, in `confidence_weighted_entropy`;
#: of class priors and of probabilities inside a log-loss.
MIN_PROBABILITY = 1e-6

#: Lower bound of denominators in K x K algebra.
TINY = 1e-100

#: Above so many classes the confident joint is kept sparse (4,096: a dense one takes 134 MB a thread).
SPARSE_ABOVE = 4_096

#: Largest number of classes for which a dense K x K matrix is returned (10,000: 0.8 GB); beyond it, what can
#: only be dense refuses in one sentence.
MAX_DENSE_CLASSES = 10_000
