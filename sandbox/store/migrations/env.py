"""What Alembic runs: migrations on the connection that `upgrade` hands in, inside its transaction."""

from __future__ import annotations

from alembic import context

from sandbox.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
