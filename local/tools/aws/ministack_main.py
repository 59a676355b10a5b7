"""Starts ministack with what it does otherwise than AWS put right, as far as this project needs it.

- A service's first deployment is in progress until its tasks run: ministack calls it completed at once, so that a
  first release that crashes looks fine and its circuit breaker never opens.
- It listens on the Unix socket MULTIARCH_SOCKET instead of a port, which every user of the host could use.
- ECR keeps the exclusion filters of tag immutability, and the registry minds them: ministack drops them.
"""

import asyncio
import fnmatch
import os

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack import app
from ministack.services import ecr, ecs

FILTERS = "imageTagMutabilityExclusionFilters"


def deployments_begin() -> None:
    make = ecs._make_deployment

    def begun(task_definition, desired_count, status="PRIMARY"):
        deployment = make(task_definition, desired_count, status)
        if desired_count > 0:
            deployment["rolloutState"] = "IN_PROGRESS"
            deployment["rolloutStateReason"] = ""
        return deployment

    ecs._make_deployment = begun


def filters_are_kept() -> None:
    def keeping(handler):
        def handle(data):
            answer = handler(data)
            repository = ecr._repositories.get(data.get("repositoryName", ""))
            if repository is not None and answer[0] == 200:
                repository[FILTERS] = data.get(FILTERS) or []
            return answer

        return handle

    ecr._create_repository = keeping(ecr._create_repository)
    ecr._put_image_tag_mutability = keeping(ecr._put_image_tag_mutability)

    shape = ecr._repo_shape

    def with_filters(repository):
        filters = repository.get(FILTERS)
        return {**shape(repository), **({FILTERS: filters} if filters else {})}

    ecr._repo_shape = with_filters


def is_immutable(repository, tag) -> bool:
    mutability = repository.get("imageTagMutability", "MUTABLE")
    filters = [one.get("filter", "") for one in repository.get(FILTERS) or []]
    excluded = any(fnmatch.fnmatchcase(tag, one) for one in filters)
    if mutability == "IMMUTABLE_WITH_EXCLUSION":
        return not excluded
    return mutability == "MUTABLE_WITH_EXCLUSION" and excluded


def filters_are_minded() -> None:
    put = ecr._v2_put_manifest

    def minding(name, ref, headers, body):
        repository = ecr._repositories.get(name)
        if repository is not None and not ref.startswith("sha256:") and is_immutable(repository, ref):
            raw = body if isinstance(body, bytes) else body.encode()
            digest = ecr._content_digest(raw)
            for image in ecr._images.get(name, []):
                if ref in image.get("imageTags", []) and image.get("imageDigest") != digest:
                    return ecr._registry_error(
                        400, "TAG_INVALID", f"tag '{ref}' is immutable", {"tag": ref}
                    )
        return put(name, ref, headers, body)

    ecr._v2_put_manifest = minding


if __name__ == "__main__":
    deployments_begin()
    filters_are_kept()
    filters_are_minded()
    config = Config()
    config.bind = [f"unix:{os.environ['MULTIARCH_SOCKET']}"]
    config.keep_alive_timeout = 75
    asyncio.run(serve(app.app, config))
