"""Settings of the language model that writes prompts."""

from __future__ import annotations

from pydantic import Field, SecretStr, model_validator

from kinolog.network_addresses import ChatUrl
from kinolog.process.setting_groups.common import ProcessSettings


class PromptWriterSettings(ProcessSettings):
    """The language model that writes shots and prompts, if the installation has one."""

    prompt_writer_url: ChatUrl | None = Field(
        None,
        description="Chat endpoint as OpenAI's, such as http://127.0.0.1:11434/v1, for prompts whose authors want it.",
    )
    prompt_writer_model: str = Field("", description="Name of the language model at that endpoint.")
    prompt_writer_key: SecretStr | None = Field(None, description="API key of that endpoint.")
    prompt_writer_seconds: float = Field(
        10.0,
        gt=0.0,
        le=12.0,
        description="How long a submission waits for the language model; then the prompt is used as it is.",
    )

    @model_validator(mode="after")
    def _names_a_model(self) -> PromptWriterSettings:
        if self.prompt_writer_url and not self.prompt_writer_model:
            raise ValueError(
                "KINOLOG_PROMPT_WRITER_URL needs the name of a model in KINOLOG_PROMPT_WRITER_MODEL"
            )
        return self
