# Everything runs in .venv, which the first target that needs it makes by itself: Python >= 3.11, pip and make suffice.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint serve lock bench-teachers bench-cifar10 bench-mediapipe bench-applications bench-eta bench-deadlines bench-interruptions bench-attacks bench-faults bench-fairness bench-parsers bench-fuzz bench-outages bench-uploads bench-load bench-peers bench-overhead bench-techniques bench-step bench-trashnet bench-photos bench-budgets bench-families secrets check-deployment check-images audit clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with every dependency, by hash, from requirements.lock

demo: $(READY) ## compress a Fashion-MNIST teacher through a real service; results in out/demo/
	$(BIN)/python examples/demo.py

test: $(READY) ## run all tests, against real Redis, PostgreSQL and S3 servers that they start themselves
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/service/test_fuzzing.py $(ARGS)
	$(BIN)/python -m pytest tests/service/test_fuzzing.py

lint: $(READY) ## check style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

serve: $(READY) ## start the embedded service; prints its address and a key
	$(BIN)/l2c serve

secrets: ## write random secrets for docker-compose.yml into secrets/, once
	sh deploy/make_secrets.sh

check-deployment: $(READY) ## check docker-compose.yml and everything in deploy/
	$(BIN)/python -m pytest tests/deploy $(ARGS)

check-images: $(READY) ## build and start each target of the Dockerfile in a bare virtual environment, without Docker (2 minutes)
	$(BIN)/python -m tests.deploy.replay_image $(ARGS)

audit: $(READY) ## report known vulnerabilities of the packages in requirements.lock; needs a network (ARGS="--service osv")
	$(BIN)/uv tool run --from pip-audit==2.10.1 pip-audit --requirement requirements.lock --require-hashes --disable-pip --strict $(ARGS)

lock: $(READY) ## resolve pyproject.toml anew into requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra service --extra worker --extra dev --universal --python-version 3.11 \
		--generate-hashes --upgrade --no-header --no-annotate --quiet --output-file requirements.lock

bench-teachers: $(READY) ## load teachers that others trained and find their accuracy
	$(BIN)/python -m benchmarks.teachers

bench-cifar10: $(READY) ## CIFAR-10 with a ResNet-32 teacher at effort standard (about an hour on 2 cores)
	$(BIN)/python -m benchmarks.cifar10

bench-mediapipe: $(READY) ## open every kind of file with MediaPipe, and compare its answers (5 minutes)
	$(BIN)/python -m benchmarks.mediapipe $(ARGS)

bench-applications: $(READY) ## inspect 13 networks of keras.applications as .keras and as export (10 minutes)
	$(BIN)/python -m benchmarks.applications $(ARGS)

bench-eta: $(READY) ## compare the estimated time to the end of the demo's job with the true one
	$(BIN)/python -m benchmarks.eta $(ARGS)

bench-deadlines: $(READY) ## compress with max_minutes of 2, 5 and 15, and see how long it took
	$(BIN)/python -m benchmarks.deadlines $(ARGS)

bench-interruptions: $(READY) ## kill -9 the child and the supervisor in the middle of a training
	$(BIN)/python -m benchmarks.interruptions

bench-attacks: $(READY) ## 500 attacks: code in the sandbox, models, archives, images, requests; as each user that a worker may run as (20 minutes; as root; ARGS="--group API")
	$(BIN)/python -m benchmarks.attacks $(ARGS)

bench-faults: $(READY) ## which faults a job survives: kills, outages, a full disk (an hour; as root; ARGS="--only Redis")
	$(BIN)/python -m benchmarks.faults $(ARGS)

bench-fairness: $(READY) ## five accounts with 100 jobs on one, two and four workers (5 minutes)
	$(BIN)/python -m benchmarks.fairness

bench-parsers: $(READY) ## random damage to archives, models and messages of the child (10 minutes)
	$(BIN)/python -m benchmarks.parser_fuzzing $(ARGS)

bench-fuzz: $(READY) ## 20,000 requests from the OpenAPI description; none may be a server error (20 minutes)
	$(BIN)/python -m pytest tests/service/test_fuzzing.py --hypothesis-profile thorough $(ARGS)

bench-outages: $(READY) ## kill -9 the object store in the middle of a deletion, ten times
	$(BIN)/python -m benchmarks.store_outages $(ARGS)

bench-uploads: $(READY) ## measure uploads beside a plain copy on the same disk
	$(BIN)/python -m benchmarks.uploads

bench-load: $(READY) ## the API under load: one job, lists and claims of 100,000 rows, 200 watchers, uploads (10 minutes)
	$(BIN)/python -m benchmarks.load $(ARGS)

bench-peers: $(READY) ## CIFAR-10 beside what a user would do without us (two hours on 2 cores; ARGS="--help" lists the parts)
	$(BIN)/python -m benchmarks.peers $(ARGS)

bench-trashnet: $(READY) ## photos of rubbish: train a teacher, compress it to families mobilenet and pruned (1-2 hours on 2 cores)
	$(BIN)/python -m benchmarks.trashnet $(ARGS)

bench-photos: $(READY) ## TrashNet with teachers pre-trained on ImageNet (ARGS="--minutes 20" for each)
	$(BIN)/python -m benchmarks.photos $(ARGS)

bench-budgets: $(READY) ## ask for bytes, MACs, milliseconds and top-1; show what is got and what is refused (half an hour on 2 cores)
	$(BIN)/python -m benchmarks.budgets $(ARGS)

bench-families: $(READY) ## what int8 and pruning cost each family of students (half an hour on 2 cores)
	$(BIN)/python -m benchmarks.families $(ARGS)

bench-overhead: $(READY) ## time three students trained jointly beside the largest alone, and beside one after another (6 minutes on 2 cores)
	$(BIN)/python -m benchmarks.overhead $(ARGS)

bench-techniques: $(READY) ## what each technique adds or costs, one at a time (45 minutes on 2 cores; ARGS="--help" lists them)
	$(BIN)/python -m benchmarks.techniques $(ARGS)

bench-step: $(READY) ## profile one step of joint training: convolutions, data, fake quantization, the rest (2 minutes)
	$(BIN)/python -m benchmarks.step_profile $(ARGS)

clean: ## remove .venv, caches and results; data/ stays
	rm -rf .venv out build .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
	$(BIN)/uv pip install --python $(BIN)/python --require-hashes --requirement requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@
