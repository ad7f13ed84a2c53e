"""What schedulers say of a process, in the variables that each of them sets."""

import pytest

from pixace.errors import UsageError
from pixace.system.scheduler import scheduled_process

KUBEFLOW = {
    "JAX_COORDINATOR_ADDRESS": "job-node-0-0.job:6666",
    "JAX_NUM_PROCESSES": "3",
    "JAX_PROCESS_ID": "2",
}
# The third of four processes, two to a machine.
SLURM = {
    "SLURM_JOB_ID": "70001",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NODELIST": "node[007-008,010],gpu1",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
    "SLURM_NTASKS": "9",  # of the job; its other steps do not count
    "SLURM_NODEID": "1",
    "SLURM_PROCID": "2",
    "SLURM_LOCALID": "0",
}
OPEN_MPI = {
    "OMPI_MCA_orte_hnp_uri": "1531576320.0;tcp://10.96.0.1,10.148.0.1:34911",
    "OMPI_COMM_WORLD_SIZE": "4",
    "OMPI_COMM_WORLD_RANK": "3",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
    "OMPI_COMM_WORLD_LOCAL_RANK": "1",
}
FIVE = {name: SLURM[name] for name in ("SLURM_JOB_ID", "SLURM_PROCID", "SLURM_LOCALID")}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"SLURM_JOB_ID": "1", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, None),  # without srun
        (dict.fromkeys(KUBEFLOW, ""), None),
        (KUBEFLOW, ("job-node-0-0.job:6666", 3, 2, None)),
        (SLURM, (f"node007:{61440 + 70001 % 4096}", 4, 2, [0])),
        ({**SLURM, **dict.fromkeys(KUBEFLOW, "")}, ("node007:61809", 4, 2, [0])),
        ({**SLURM, "JAX_NUM_PROCESSES": "3"}, ("node007:61809", 4, 2, [0])),
        ({**SLURM, "SLURM_STEP_ID": "1"}, (f"node007:{61440 + 71010 % 4096}", 4, 2, [0])),
        ({**SLURM, "SLURM_STEP_NODELIST": "a[1-2]-b[03,04],c"}, ("a1-b03:61809", 4, 2, [0])),
        ({**SLURM, "SLURM_STEP_TASKS_PER_NODE": "3,1"}, ("node007:61809", 4, 2, None)),
        (
            {**FIVE, "SLURM_STEP_NODELIST": "one", "SLURM_NTASKS": "3"},
            ("one:61809", 3, 2, [0]),
        ),
        (
            {**FIVE, "SLURM_STEP_NODELIST": "n[1-3]", "SLURM_NTASKS": "3"},
            ("n1:61809", 3, 2, None),
        ),
        (OPEN_MPI, (f"10.96.0.1:{61440 + 1531576320 // 4096 % 4096}", 4, 3, [1])),
        ({**SLURM, **OPEN_MPI, "JAX_COORDINATOR_ADDRESS": "a:1"}, ("a:1", 4, 3, [1])),
        (
            {**OPEN_MPI, "OMPI_MCA_orte_hnp_uri": "4096.0;tcp6://[fe80::1,fe80::2]:3"},
            ("[fe80::1]:61441", 4, 3, [1]),
        ),
        (  # version 5, on one machine
            {
                **{name: OPEN_MPI[name] for name in OPEN_MPI if name.startswith("OMPI_COMM")},
                "OMPI_COMM_WORLD_LOCAL_SIZE": "4",
                "OMPI_COMM_WORLD_LOCAL_RANK": "3",
                "PMIX_NAMESPACE": "prterun-host-4100@1",
            },
            ("127.0.0.1:61444", 4, 3, [3]),
        ),
    ],
)
def test_where_a_process_stands(variables, expected):
    assert scheduled_process(variables) == expected


@pytest.mark.parametrize(
    ("seen", "gpus"),
    [("0", None), ("GPU-a,GPU-b", [1]), ("0,1,2,3", [2, 3]), ("", None)],
)
def test_processes_of_one_machine_share_the_gpus_that_all_of_them_see(seen, gpus):
    variables = {**SLURM, "SLURM_LOCALID": "1", "CUDA_VISIBLE_DEVICES": seen}
    found = scheduled_process(variables)
    assert found is not None
    assert found.gpus == gpus
    assert scheduled_process({**variables, "JAX_LOCAL_DEVICE_IDS": "3"}).gpus is None


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({**KUBEFLOW, "JAX_PROCESS_ID": "one"}, "JAX_PROCESS_ID is 'one', which is no number"),
        ({**KUBEFLOW, "JAX_COORDINATOR_ADDRESS": ""}, "Kubeflow does not say where the first"),
        ({**KUBEFLOW, "JAX_PROCESS_ID": ""}, "JAX_PROCESS_ID is missing"),
        ({"JAX_PROCESS_ID": "0"}, "JAX_NUM_PROCESSES is missing"),
        ({**SLURM, "SLURM_JOB_ID": "-1"}, "SLURM_JOB_ID is '-1'"),
        ({"SLURM_STEP_NODELIST": "a", "SLURM_PROCID": "0"}, "SLURM_NTASKS is missing"),
        ({**OPEN_MPI, "OMPI_MCA_orte_hnp_uri": ""}, "set JAX_COORDINATOR_ADDRESS to its host:port"),
        ({**SLURM, "CUDA_VISIBLE_DEVICES": "0,1,2"}, "2 processes on this machine cannot share"),
    ],
)
def test_what_makes_no_sense_is_told(variables, words):
    with pytest.raises(UsageError, match=words):
        scheduled_process(variables)
