"""Prints the seconds in which a process that loaded nothing before reads a timm model's safetensors file as fp32.

first_load.py MODEL FILE. A process that loads again writes to memory that it has already touched, which is faster.
"""

import sys
import time

import timm
import torch

from measure import python_load

name, path = sys.argv[1:]
with torch.device("meta"):
    model = timm.create_model(name)
load = python_load(path, model, torch.float32)
start = time.perf_counter()
load()
print(time.perf_counter() - start)
