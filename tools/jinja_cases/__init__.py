"""Cases for the Jinja engine, all of our own writing: small templates by topic, chat templates in the styles of the
families, and the conversations that chat templates are rendered with."""
