-- Looked up for every request that waits when the centre tells of bindings, and for every record that a search shows.
CREATE INDEX binding_end_request ON binding_end (request);
CREATE INDEX attention_settlement ON attention (settlement) WHERE settlement IS NOT NULL;
