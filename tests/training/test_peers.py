"""What processes agree on, alone; `test_cluster` has several."""

import math
import signal

import numpy as np
import pytest

from pixace.errors import PixaceError
from pixace.insight.likelihood import Likelihood
from pixace.system.signals import StopRequest
from pixace.training import cluster
from pixace.training.peers import Command, ConnectedPeers, Peers, peers_of


@pytest.fixture(params=[Peers, ConnectedPeers])
def peers(request) -> Peers:
    """The form that does nothing, and that of several processes among which this one is alone."""
    return request.param(StopRequest())


def test_a_process_alone_has_no_peers():
    assert type(peers_of(StopRequest())) is Peers


@pytest.mark.parametrize("command", Command)
def test_what_the_first_says_is_done(peers, command):
    assert peers.agree(command) == command


def test_what_the_first_knows_is_what_all_know(peers):
    values = {"a": [1, 2.5, None, True]}
    assert peers.from_first(values) == values
    assert peers.arrays_from_first([1, 2]) == [1, 2]


def test_numbers_of_all(peers):
    assert (peers.size, peers.index) == (1, 0)
    assert peers.totals([20, 5, 0]) == [20, 5, 0]
    assert peers.least(2**40) == 2**40


def test_a_mean_rounds_the_same_in_either_form():
    likelihood = Likelihood(0.1 + 0.2, 7)
    alone, connected = (form(StopRequest()).mean(likelihood) for form in (Peers, ConnectedPeers))
    assert alone == connected
    assert alone.nats_per_pixel == pytest.approx(0.3)
    assert (alone.n_images, type(alone.n_images)) == (7, int)


def test_who_was_stopped_has_no_mean(peers):
    peers.stop_request.signal = signal.SIGTERM
    assert peers.mean(None) is None
    assert peers.stop_request.signal is signal.SIGTERM


@pytest.mark.parametrize("is_so", [True, False])
def test_one_process_is_like_itself(peers, is_so):
    peers.require_alike(is_so, "they differ")


@pytest.fixture
def two(monkeypatch):
    """Returns the peers of two processes whose answers a test chooses, and how it does that."""

    def answer(*rows):
        monkeypatch.setattr(cluster, "gathered", lambda own: np.array(rows))

    return ConnectedPeers(StopRequest()), answer


def test_of_two_the_first_decides_and_a_signal_to_the_other_is_heard(two):
    peers, answer = two
    answer([Command.STEP, 0], [Command.END, signal.SIGTERM])
    assert peers.agree(Command.STEP) is Command.STEP
    assert peers.stop_request.signal is signal.SIGTERM
    answer([Command.STOP, 0], [Command.END, signal.SIGINT])
    assert peers.agree(Command.STOP) is Command.STOP
    assert peers.stop_request.signal is signal.SIGTERM, "the first signal counts"


def test_of_two_numbers_are_put_together(two):
    peers, answer = two
    answer([10, 3, 0], [10, 2, 1])
    assert peers.totals([10, 3, 0]) == [20, 5, 1]
    answer([2**40], [2**39])
    assert peers.least(2**40) == 2**39
    answer([1.0, 3, 0], [2.0, 1, 0])
    assert peers.mean(Likelihood(1.0, 3)) == Likelihood(1.25, 4)


def test_of_two_one_was_stopped(two):
    peers, answer = two
    answer([1.0, 3, 0], [math.nan, 0, signal.SIGTERM])
    assert peers.mean(Likelihood(1.0, 3)) is None
    assert peers.stop_request.signal is signal.SIGTERM


def test_of_two_one_is_not_like_the_other(two):
    peers, answer = two
    answer([1], [0])
    with pytest.raises(PixaceError, match="they differ"):
        peers.require_alike(True, "they differ")
    answer([0], [0])
    peers.require_alike(False, "they differ")
