"""Which process of several this one is, as the scheduler that has started it says in variables."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from pixace.errors import UsageError

Variables = Mapping[str, str]

_ADDRESS = "JAX_COORDINATOR_ADDRESS"  # Kubeflow's, and counts more than any other scheduler's word
_FIRST_PORT, _N_PORTS = 61440, 4096  # above those that Linux hands out by itself


class ScheduledProcess(NamedTuple):
    """A process that a scheduler has started beside others.

    Attributes:
      coordinator: "host:port" of the first one.
      num_processes: how many there are.
      process_id: which of them this is, from 0.
      gpus: which of those that this process sees are its own; None for all.
    """

    coordinator: str
    num_processes: int
    process_id: int
    gpus: list[int] | None


def scheduled_process(variables: Variables = os.environ) -> ScheduledProcess | None:
    """Returns what Kubeflow, Open MPI or SLURM says of this process; None where none does.

    Open MPI is asked before SLURM, which may have started `mpirun` and not this process.

    Args:
      variables: of the environment.

    Raises:
      UsageError: one is missing or makes no sense, or the GPUs cannot be shared out.
    """
    said = {name for name, value in variables.items() if value}  # a pod's empty ones say nothing
    of_kubeflow = {"JAX_NUM_PROCESSES", "JAX_PROCESS_ID"} & said
    if len(of_kubeflow) == 2:
        address = variables.get(_ADDRESS) or _no_address("Kubeflow")
        n_processes = _number(variables, "JAX_NUM_PROCESSES")
        return ScheduledProcess(address, n_processes, _number(variables, "JAX_PROCESS_ID"), None)
    if {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"} <= said:
        return _of_open_mpi(variables)
    if {"SLURM_STEP_NODELIST", "SLURM_PROCID"} <= said:  # set for what srun starts
        return _of_slurm(variables)
    if of_kubeflow:
        (missing,) = {"JAX_NUM_PROCESSES", "JAX_PROCESS_ID"} - said
        raise UsageError(f"coordinator=auto: {missing} is missing; name all three flags instead")
    return None


def _of_open_mpi(variables: Variables) -> ScheduledProcess:
    """Returns what the variables of mpirun say, version 4 or 5."""
    n_processes = _number(variables, "OMPI_COMM_WORLD_SIZE")
    n_here = _number(variables, "OMPI_COMM_WORLD_LOCAL_SIZE")
    address = variables.get(_ADDRESS)
    # Version 4 names where mpirun runs, and its job; 5 a process of that machine alone.
    launcher = variables.get("OMPI_MCA_orte_hnp_uri", "")
    match = re.match(r"(\d+)\.\d+;(?:tcp://([^,:]+)|tcp6://\[([^,\]]+))", launcher)
    space = re.search(r"(\d+)@", variables.get("PMIX_NAMESPACE", ""))
    if address is None and match:
        host = match[2] or f"[{match[3]}]"
        address = f"{host}:{_port(int(match[1]) // _N_PORTS)}"
    elif address is None and n_here == n_processes:
        address = f"127.0.0.1:{_port(int(space[1]) if space else 0)}"
    index = _number(variables, "OMPI_COMM_WORLD_RANK")
    local_index = _number(variables, "OMPI_COMM_WORLD_LOCAL_RANK")
    gpus = _share_of_gpus(variables, local_index, n_here)
    return ScheduledProcess(address or _no_address("Open MPI"), n_processes, index, gpus)


def _of_slurm(variables: Variables) -> ScheduledProcess:
    """Returns what the variables of srun say."""
    step = "SLURM_STEP_NUM_TASKS"
    n_processes = _number(variables, step if step in variables else "SLURM_NTASKS")
    # Such as node[001-003,007],gpu1: the first is node001.
    first = re.match(r"(?:\[[^\]]*\]|[^,\[])*", variables["SLURM_STEP_NODELIST"])
    host = re.sub(r"\[([^\],-]*)[^\]]*\]", r"\1", first[0]) if first else ""
    # A job may train several models at once, each in a step of its own.
    number = _number(variables, "SLURM_JOB_ID") + 1009 * _number(variables, "SLURM_STEP_ID", "0")
    address = variables.get(_ADDRESS) or f"{host}:{_port(number)}"
    local_index = _number(variables, "SLURM_LOCALID")
    gpus = _share_of_gpus(variables, local_index, _slurm_tasks_here(variables, n_processes))
    return ScheduledProcess(address, n_processes, _number(variables, "SLURM_PROCID"), gpus)


def _slurm_tasks_here(variables: Variables, n_processes: int) -> int:
    """Returns how many processes of this step are on this machine."""
    each = variables.get("SLURM_STEP_TASKS_PER_NODE", "")  # such as 4(x2),3: two machines of 4
    counts: list[int] = []
    for count, times in re.findall(r"(\d+)(?:\(x(\d+)\))?", each):
        counts += [int(count)] * int(times or 1)
    node = _number(variables, "SLURM_NODEID", "0")
    if node < len(counts):
        return counts[node]
    if not set("[,") & set(variables["SLURM_STEP_NODELIST"]):
        return n_processes  # one machine
    n_nodes = _number(variables, "SLURM_STEP_NUM_NODES", str(n_processes))
    return -(-n_processes // max(1, n_nodes))


def _share_of_gpus(variables: Variables, local_index: int, n_here: int) -> list[int] | None:
    """Returns which of the GPUs that all processes of a machine see are this one's; None for all.

    Args:
      variables: `CUDA_VISIBLE_DEVICES` tells how many a process sees: one, where the scheduler has
        shared them out already. Where it says nothing, each gets one, as by JAX itself.
      local_index: which process of this machine this is.
      n_here: how many of the processes are on this machine.

    Raises:
      UsageError: there are not as many for each.
    """
    seen = variables.get("CUDA_VISIBLE_DEVICES")
    n_seen = n_here if seen is None else len([gpu for gpu in seen.split(",") if gpu.strip()])
    is_named = "JAX_LOCAL_DEVICE_IDS" in variables  # the user's choice, which JAX reads
    if n_here == 1 or is_named or (seen is not None and n_seen <= 1):
        return None
    if n_seen % n_here:
        raise UsageError(
            f"{n_here} processes on this machine cannot share its {n_seen} GPUs "
            f"(CUDA_VISIBLE_DEVICES={seen}); start as many as there are GPUs, or one"
        )
    each = n_seen // n_here
    return list(range(local_index * each, (local_index + 1) * each))


def _port(number: int) -> int:
    """Returns a port that all processes of a job come to, and those of the next job do not."""
    return _FIRST_PORT + number % _N_PORTS


def _number(variables: Variables, name: str, default: str | None = None) -> int:
    """Returns a variable's value.

    Raises:
      UsageError: it is missing, or no whole number.
    """
    value = variables.get(name, default)
    if value is None or not re.fullmatch(r"[0-9]{1,18}", value):
        said = "is missing" if value is None else f"is {value!r}, which is no number"
        raise UsageError(f"coordinator=auto: {name} {said}; name all three flags instead")
    return int(value)


def _no_address(scheduler: str) -> str:
    """Raises a UsageError."""
    raise UsageError(
        f"coordinator=auto: {scheduler} does not say where the first process is; set {_ADDRESS} "
        "to its host:port for all processes"
    )
