"""The queues, in one table. A new queue is a function that writes its manifest and one entry of TARGETS.

The choices of the command line, `manifest --help`, the last line that `manifest` prints, and the table in README.md follow
from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from job.submit import amazon, clouds, google, hosts, kubernetes
from job.submit.files import NOTHING_TO_DO, Way
from job.submit.submission import Submission


@dataclass(frozen=True)
class Unfit:
    """Values that a queue changes or refuses."""

    pattern: re.Pattern[str]
    words: str
    """After `because`."""


NO_ESCAPE = Unfit(
    re.compile(r"[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]"), "its client takes a character in it for the end of the line"
)
TOO_LONG = Unfit(
    re.compile(r".{513}", re.DOTALL), "it has more than 512 characters; name less, or put the text into a file"
)
AZURE_REFERENCE = Unfit(re.compile(r"\$\{\{"), "${{ begins a reference there, and nothing escapes it")
RUNPOD_REFERENCE = Unfit(re.compile(r"\{\{"), "{{ begins a reference to a secret there, and nothing escapes it")
ANY_CARD: dict[str, Collection[int]] = {"T4": (), "L4": (), "A100": (), "H100": ()}
"""In any number."""
ONE_HOST = "ask for more GPUs in one host with --gpus"
THE_CLAIM = "all mount the claim, which has to allow ReadWriteMany"
THE_BUCKET = "all mount the bucket, in which the first alone writes to the run folder"


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
    checked: str = "nothing"
    """What reads the manifest in the tests."""
    unchecked: str = "everything else"
    """What no test could see."""
    files: Way = NOTHING_TO_DO
    """How the user's files get there."""
    cards: Mapping[str, Collection[int]] = field(default_factory=lambda: ANY_CARD)
    """What --gpu may name, and how many of it a machine may have; none stands for any number."""
    hosts: str = ""
    """What starts several hosts, and where they share the run folder; empty where a job has one host."""
    other_way: str = ONE_HOST
    """What to do about --nodes where it has one."""
    hosts_on_spot: bool = True
    """Whether several hosts may be Spot machines."""
    spot: bool = False
    """Whether it has machines that may be taken away at any time, for less money."""
    on_spot_alone: Mapping[str, Collection[int]] = field(default_factory=dict)
    """Cards and numbers of them for which it has no other."""
    unfit: tuple[Unfit, ...] = ()
    token: str = "export HF_TOKEN before you submit it"
    """What has to be done so that the job gets the Hub token, if it needs one."""
    first: str = ""
    """The command that prepares a submission."""
    again: str = ""
    """What has to be done before a second submission under the same name: a finished job keeps it."""
    has_limit: bool = True
    """Whether it ends a job after some time."""

    def numbers(self, card: str) -> Collection[int]:
        """How many cards a machine may have; without a card, of the one that it takes then."""
        usual = "T4" if "T4" in self.cards else next(iter(self.cards))
        return self.cards.get(card or usual, ())

    @property
    def sentence(self) -> str:
        return f"{self.what}: `{self.submit}`."

    def said(self, job: Submission) -> Iterator[str]:
        """What the user should know before submitting: what was asked for, and how files and token get there."""
        uploads = list(self.files.uploads(job))
        if job.card:
            yield f"{job.hardware}, {job.needs.words}" + (f"; {job.needs.limit_words}" if self.has_limit else "")
        if job.nodes > 1:
            yield f"{job.nodes} hosts run the same command: {self.hosts}"
        if job.idle:
            gpus = job.gpus * job.nodes
            yield f"{job.idle} of {gpus} GPUs stay idle: a step has {gpus - job.idle} rows (FINETUNE_TRAIN_BATCH_SIZE)"
        if uploads:
            yield f"bring {len(job.files)} of your files there first, from this folder:"
            yield from (f"  {command}" for command in uploads)
        elif self.files.mounts and job.files:
            yield "keep FILE in this folder and submit it from here: the folder is mounted, read-only, with your files"
        if job.secrets:
            yield f"token: {self.token}"
        if self.first:
            yield f"first: `{self.first.replace('NAME', job.name)}`"
        if self.again:
            yield f"before a second submission: `{self.again}`"


TARGETS: tuple[Target, ...] = (
    Target(
        "docker",
        what="A single command for a machine with a GPU; run it again to continue",
        submit="bash FILE",
        retries="nothing",
        grace="120 s",
        results="`output/NAME/` in the working directory",
        write=hosts.docker,
        other_way=hosts.DOCKER_BY_HAND,
        checked="its words by a shell; a run without a GPU on an engine",
        unchecked="a start with a GPU",
        files=hosts.FILES,
        has_limit=False,
    ),
    Target(
        "compose",
        what="A Compose service",
        submit="docker compose -f FILE up --exit-code-from job",
        retries="nothing",
        grace="120 s",
        first=hosts.COMPOSE_FIRST,
        results="`output/NAME/` beside FILE",
        write=hosts.compose,
        other_way=hosts.COMPOSE_BY_HAND,
        checked="Compose itself (`config`); a run without a GPU on an engine",
        unchecked="a start with a GPU",
        files=hosts.FILES,
        has_limit=False,
    ),
    Target(
        "kubernetes",
        what="A Kubernetes Job that retries by exit code",
        submit="kubectl create -f FILE",
        again="kubectl delete --ignore-not-found --cascade=foreground -f FILE",
        token="the Secret YOUR_HF_SECRET",
        retries="by exit code, four times; a disruption does not count",
        grace="120 s",
        results="`NAME/` on the claim",
        write=kubernetes.kubernetes,
        hosts=f"an indexed Job and a headless Service; {THE_CLAIM}",
        checked="the published schemas of Kubernetes (kubernetes-validate), unknown fields refused",
        unchecked="admission rules and labels of a cluster",
        files=kubernetes.FILES,
        spot=True,
    ),
    Target(
        "kueue",
        what="The same Job in a Kueue queue, which starts and evicts it",
        submit="kubectl create -f FILE",
        again="kubectl delete --ignore-not-found --cascade=foreground -f FILE",
        token="the Secret YOUR_HF_SECRET",
        retries="by exit code, four times; a disruption does not count",
        grace="120 s",
        results="`NAME/` on the claim",
        write=kubernetes.kueue,
        hosts=f"an indexed Job and a headless Service; {THE_CLAIM}",
        checked="the published schemas of Kubernetes, as above",
        unchecked="Kueue itself, its queues and flavors",
        files=kubernetes.FILES,
        spot=True,
    ),
    Target(
        "kubeflow",
        what="A Kubeflow TrainJob (Trainer v2) with its own runtime",
        submit="kubectl create -f FILE",
        again="kubectl delete --ignore-not-found --cascade=foreground -f FILE",
        token="the Secret YOUR_HF_SECRET",
        retries="by exit code, four times; a disruption does not count",
        grace="120 s",
        results="`NAME/` on the claim",
        write=kubernetes.kubeflow,
        hosts=f"the Trainer's policy `torch`; {THE_CLAIM}",
        checked="the Trainer's own models (kubeflow-trainer-api), and the Job inside by the schemas of Kubernetes",
        unchecked="the Trainer's and JobSet's controllers",
        files=kubernetes.FILES,
        spot=True,
    ),
    Target(
        "gcp-batch",
        what="Google Cloud Batch, by default a T4 on Spot",
        submit="gcloud batch jobs submit NAME --location YOUR_REGION --config FILE",
        again="gcloud batch jobs delete NAME --location YOUR_REGION",
        token="the secret YOUR_SECRET of Secret Manager, which the service account of the job may read",
        retries="by exit code, and a lost machine, four times",
        grace="30 s on Spot",
        results="`NAME/` in the bucket",
        write=google.gcp_batch,
        hosts=f"a task on each machine; {THE_BUCKET}",
        checked="structure; Google's protobuf types where google-cloud-batch is installed",
        unchecked="machine types, quota, the agent's mounts",
        files=google.BATCH_FILES,
        cards=google.CARDS,
        spot=True,
        on_spot_alone=google.ON_SPOT_ALONE,
    ),
    Target(
        "aws-batch",
        what="AWS Batch, as a script that registers the job definition and submits the job to a queue with or without Spot",
        submit="bash FILE",
        token="the secret YOUR_SECRET_ARN of Secrets Manager, which the execution role may read",
        retries="by exit code, and a lost machine, four times; never after a timeout or a failed image pull",
        grace="30 s",
        results="`NAME/` on EFS",
        write=amazon.aws_batch,
        hosts="a multi-node parallel job, whose queue must have no Spot instances; all mount EFS",
        hosts_on_spot=False,
        checked="botocore's model of the service, and retry rules by the documented order",
        unchecked="the instances of your queue, EFS",
        files=amazon.BATCH_FILES,
        cards=amazon.BATCH_CARDS,
        spot=True,
    ),
    Target(
        "vertex",
        what="Vertex AI, by default a T4 on Spot, with the token in gs://YOUR_BUCKET/secrets/hf_token",
        submit="gcloud ai custom-jobs create --region YOUR_REGION --display-name NAME --config FILE",
        token="gcloud storage cp TOKENFILE gs://YOUR_BUCKET/secrets/hf_token",
        retries="its own errors, no exit code",
        grace="unknown",
        results="`NAME/` in the bucket",
        write=google.vertex,
        hosts=f"a second worker pool; {THE_BUCKET}",
        checked="structure; Google's protobuf types where google-cloud-aiplatform is installed",
        unchecked="machine types, quota, retries",
        files=google.VERTEX_FILES,
        cards=google.CARDS,
        spot=True,
        on_spot_alone=google.ON_SPOT_ALONE,
    ),
    Target(
        "sagemaker",
        what="SageMaker, by default a T4 (g4dn) on Spot, with the token in s3://YOUR_BUCKET/secrets/hf_token",
        submit="aws sagemaker create-training-job --cli-input-json file://FILE --training-job-name NEW_NAME",
        token="aws s3 cp TOKENFILE s3://YOUR_BUCKET/secrets/hf_token",
        retries="Spot interruptions, no exit code",
        grace="120 s",
        results="`NAME/` in the bucket, from `/opt/ml/checkpoints`",
        write=amazon.sagemaker,
        hosts="instances of one training job, in a network of yours; all mount EFS, and the run folder lies there, not in the "
        "bucket",
        checked="botocore's model of the service, instance types included",
        unchecked="quota, channels",
        files=amazon.SAGEMAKER_FILES,
        cards=amazon.CARDS,
        spot=True,
        unfit=(TOO_LONG,),
    ),
    Target(
        "azureml",
        what="Azure Machine Learning command job, with the token in secrets/hf_token of the workspace's blob store",
        submit="az ml job create --file FILE",
        token="az storage blob upload --auth-mode login --account-name YOUR_STORAGE_ACCOUNT --container-name YOUR_CONTAINER "
        "--file TOKENFILE --name secrets/hf_token",
        retries="nothing",
        grace="unknown",
        results="`lora-job/NAME/` in the blob store",
        write=clouds.azureml,
        checked="structure; its client's `load_job` where azure-ai-ml is installed",
        unchecked="VM sizes, mounts, signals",
        files=clouds.AZURE_FILES,
        cards=clouds.AZURE_SIZES,
        spot=True,
        unfit=(AZURE_REFERENCE,),
    ),
    Target(
        "huggingface",
        what="Hugging Face Jobs, by default a T4, with the results in a bucket of the Hub; run it again to continue",
        submit="bash FILE",
        retries="nothing",
        grace="unknown",
        results="`NAME/` in the bucket",
        write=clouds.huggingface,
        checked="`hf jobs run --dry-run`, and its reader of dotenv",
        unchecked="the entrypoint of the image, signals, mounts",
        files=clouds.HF_FILES,
        cards=clouds.FLAVORS,
        unfit=(NO_ESCAPE,),
    ),
    Target(
        "skypilot",
        what="SkyPilot managed job on any cloud, by default a T4 on Spot",
        submit="sky jobs launch --secret HF_TOKEN FILE",
        retries="codes worth another try, and a lost machine, without limit",
        grace="the cloud's",
        results="`NAME/` in the bucket",
        write=clouds.skypilot,
        hosts=f"nodes of one task; {THE_BUCKET}",
        checked="structure; its schema and task reader where skypilot is installed",
        unchecked="clouds, mounts, recovery",
        cards=clouds.SKY_NUMBERS,
        spot=True,
        has_limit=False,
    ),
    Target(
        "slurm",
        what="A batch script for Slurm with Apptainer",
        submit="sbatch FILE",
        retries="by exit code, four times; not after `scancel`",
        grace="120 s before the time limit",
        results="`NAME/` in the shared folder",
        write=hosts.slurm,
        hosts="a task on each node; all see the shared folder, and the one with your files",
        checked="bash, which runs the script with stand-ins for srun and scontrol",
        unchecked="Slurm and Apptainer, names of GPUs",
        files=hosts.FILES,
    ),
    Target(
        "runpod",
        what="RunPod pod, by default on an RTX A4000 or L4, which bills until you stop it",
        submit='curl -H "Authorization: Bearer $RUNPOD_API_KEY" --json @FILE https://rest.runpod.io/v1/pods',
        token="a secret called HF_TOKEN in the settings of your account",
        retries="nothing",
        grace="unknown",
        results="`NAME/` on the network volume",
        write=clouds.runpod,
        checked="structure, by the fields of its REST API",
        unchecked="the API itself: no schema is checked",
        files=clouds.RUNPOD_FILES,
        cards=dict.fromkeys(clouds.RUNPOD_CARDS, clouds.RUNPOD_NUMBERS),
        spot=True,
        unfit=(RUNPOD_REFERENCE,),
        has_limit=False,
    ),
)


COLUMNS: tuple[tuple[str, Callable[[Target], str]], ...] = (
    ("target", lambda target: f"`{target.name}`"),
    ("submit it with", lambda target: f"`{target.submit}`"),
    ("started again", lambda target: target.retries),
    ("grace", lambda target: target.grace),
    ("results", lambda target: target.results),
    ("several hosts", lambda target: target.hosts or "no"),
    ("checked by", lambda target: target.checked),
    ("not checked", lambda target: target.unchecked),
)


def table() -> str:
    """The table of queues in job/submit/README.md."""
    rows = [[head for head, _ in COLUMNS], ["---" for _ in COLUMNS]]
    rows += [[cell(target) for _, cell in COLUMNS] for target in TARGETS]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
