"""Candidates that take a known time and give known answers."""

from __future__ import annotations

import os
import time

import numpy as np

from benchmarks.peers import Absent, Job, Run


def _sleeper(seconds: float, answer: float = 1.0) -> Run:
    return Run(lambda: time.sleep(seconds), lambda: [np.full((1, 2), answer)], "fake 1", f"{seconds} s")


def quick(job: Job) -> Run:
    return _sleeper(0.002)


def slow(job: Job) -> Run:
    return _sleeper(0.02)


def wrong(job: Job) -> Run:
    return _sleeper(0.002, answer=1.01)


def noisy(job: Job) -> Run:
    print("a library that prints to stdout", flush=True)
    os.write(1, b"also below Python\n")
    return _sleeper(0.002)


def missing(job: Job) -> Run:
    raise Absent("the fake is not installed")


def broken(job: Job) -> Run:
    raise ValueError("cannot do this model")


def dies(job: Job) -> Run:
    return Run(lambda: os._exit(3), lambda: [np.ones((1, 2))], "fake 1")
