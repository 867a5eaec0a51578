"""The queues, in one table. A new queue is a function that writes its manifest and one entry of TARGETS.

The choices of the command line, `manifest --help`, the last line that `manifest` prints, and the table in README.md follow
from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from job.submit import clouds, hosts, kubernetes
from job.submit.submission import Submission


@dataclass(frozen=True)
class Target:
    """One queue. FILE is the manifest, NAME the job (`lora-` and the name of the env file), and YOUR_... a placeholder."""

    name: str
    what: str
    """What the manifest is and where it runs, without a full stop."""
    submit: str
    """The command that submits FILE."""
    retries: str
    """What the platform starts again by itself."""
    grace: str
    """The time between the stop signal and the kill."""
    results: str
    """Where the run folder is kept after the machine is gone."""
    write: Callable[[Submission], str]

    @property
    def sentence(self) -> str:
        return f"{self.what}: `{self.submit}`."


TARGETS: tuple[Target, ...] = (
    Target(
        "docker",
        what="A single command for a machine with a GPU; run it again to continue",
        submit="bash FILE",
        retries="nothing",
        grace="120 s",
        results="`output/NAME/` in the working directory",
        write=hosts.docker,
    ),
    Target(
        "compose",
        what="A Compose service",
        submit="docker compose -f FILE up --exit-code-from job",
        retries="nothing",
        grace="120 s",
        results="the volume `output`",
        write=hosts.compose,
    ),
    Target(
        "kubernetes",
        what="A Kubernetes Job that retries by exit code",
        submit="kubectl apply -f FILE",
        retries="by exit code, four times; a disruption does not count",
        grace="120 s",
        results="`NAME/` on the claim",
        write=kubernetes.kubernetes,
    ),
    Target(
        "kueue",
        what="The same Job in a Kueue queue, which starts and evicts it",
        submit="kubectl apply -f FILE",
        retries="by exit code, four times; a disruption does not count",
        grace="120 s",
        results="`NAME/` on the claim",
        write=kubernetes.kueue,
    ),
    Target(
        "kubeflow",
        what="A Kubeflow TrainJob (Trainer v2) with its own runtime",
        submit="kubectl apply -f FILE",
        retries="by exit code, four times; a disruption does not count",
        grace="120 s",
        results="`NAME/` on the claim",
        write=kubernetes.kubeflow,
    ),
    Target(
        "gcp-batch",
        what="Google Cloud Batch, T4 on Spot",
        submit="gcloud batch jobs submit NAME --location YOUR_REGION --config FILE",
        retries="by exit code, and a lost machine, four times",
        grace="30 s on Spot",
        results="`NAME/` in the bucket",
        write=clouds.gcp_batch,
    ),
    Target(
        "aws-batch",
        what="AWS Batch, T4 (g4dn) on Spot, as a script that registers the job definition and submits the job",
        submit="bash FILE",
        retries="by exit code, and a lost machine, four times; never after a timeout or a failed image pull",
        grace="30 s",
        results="`NAME/` on EFS",
        write=clouds.aws_batch,
    ),
    Target(
        "vertex",
        what="Vertex AI, T4 on Spot, with the token in gs://YOUR_BUCKET/secrets/hf_token",
        submit="gcloud ai custom-jobs create --region YOUR_REGION --display-name NAME --config FILE",
        retries="its own errors, no exit code",
        grace="unknown",
        results="`NAME/` in the bucket",
        write=clouds.vertex,
    ),
    Target(
        "sagemaker",
        what="SageMaker, T4 (g4dn) on Spot, with the token in s3://YOUR_BUCKET/secrets/hf_token",
        submit="aws sagemaker create-training-job --cli-input-json file://FILE --training-job-name NEW_NAME",
        retries="Spot interruptions, no exit code",
        grace="120 s",
        results="`NAME/` in the bucket, from `/opt/ml/checkpoints`",
        write=clouds.sagemaker,
    ),
    Target(
        "azureml",
        what="Azure Machine Learning command job, with the token in secrets/hf_token of the workspace's blob store",
        submit="az ml job create --file FILE",
        retries="nothing",
        grace="unknown",
        results="`lora-job/NAME/` in the blob store",
        write=clouds.azureml,
    ),
    Target(
        "huggingface",
        what="Hugging Face Jobs, T4, with the results in a bucket of the Hub; run it again to continue",
        submit="bash FILE",
        retries="nothing",
        grace="unknown",
        results="`NAME/` in the bucket",
        write=clouds.huggingface,
    ),
    Target(
        "skypilot",
        what="SkyPilot managed job, T4 on Spot, any cloud",
        submit="sky jobs launch --secret HF_TOKEN FILE",
        retries="codes worth another try, and a lost machine, without limit",
        grace="the cloud's",
        results="`NAME/` in the bucket",
        write=clouds.skypilot,
    ),
    Target(
        "slurm",
        what="A batch script for Slurm with Apptainer",
        submit="sbatch FILE",
        retries="by exit code, four times; not after `scancel`",
        grace="120 s before the time limit",
        results="`NAME/` in the shared folder",
        write=hosts.slurm,
    ),
    Target(
        "runpod",
        what="RunPod pod on an RTX A4000 or L4, which bills until you stop it",
        submit='curl -H "Authorization: Bearer $RUNPOD_API_KEY" --json @FILE https://rest.runpod.io/v1/pods',
        retries="nothing",
        grace="unknown",
        results="`NAME/` on the network volume",
        write=clouds.runpod,
    ),
)


def table() -> str:
    """The table of queues in job/submit/README.md."""
    lines = ["| target | submit it with | started again | grace | results |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| `{target.name}` | `{target.submit}` | {target.retries} | {target.grace} | {target.results} |"
        for target in TARGETS
    ]
    return "\n".join(lines) + "\n"
