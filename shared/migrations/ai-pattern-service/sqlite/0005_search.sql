-- What can be searched: habits, entities, areas and actions, each with its words. Everything in it is made anew from the habits and from
-- what data-api knows of the home.
CREATE TABLE search_documents (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('habit', 'entity', 'area', 'action')),
    -- The habit's key, the entity's or the area's id; of an action: service and entity, with a space between them.
    key TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    -- The area's name; null: none, or several.
    area TEXT,
    -- Of a habit: the actions that its automation takes, as a JSON array of keys.
    actions TEXT NOT NULL DEFAULT '[]',
    -- Words of the title, and all others, folded (no accents, small letters) and with spaces between them.
    title_words TEXT NOT NULL,
    other_words TEXT NOT NULL,
    -- What a model made of title and text, as little-endian 32-bit floats, and which revision of it; null: nothing yet.
    vector BLOB,
    vector_of TEXT,
    UNIQUE (kind, key)
) STRICT;

-- Only what is in the words; the rows are those of search_documents. Words are folded already.
CREATE VIRTUAL TABLE search_words USING fts5 (
    title_words, other_words,
    content = 'search_documents', content_rowid = 'id',
    tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co Mn Mc'", prefix = '3 4'
);

CREATE TRIGGER search_documents_added AFTER INSERT ON search_documents BEGIN
    INSERT INTO search_words (rowid, title_words, other_words) VALUES (new.id, new.title_words, new.other_words);
END;

CREATE TRIGGER search_documents_removed AFTER DELETE ON search_documents BEGIN
    INSERT INTO search_words (search_words, rowid, title_words, other_words)
    VALUES ('delete', old.id, old.title_words, old.other_words);
END;

CREATE TRIGGER search_documents_changed AFTER UPDATE OF title_words, other_words ON search_documents BEGIN
    INSERT INTO search_words (search_words, rowid, title_words, other_words)
    VALUES ('delete', old.id, old.title_words, old.other_words);
    INSERT INTO search_words (rowid, title_words, other_words) VALUES (new.id, new.title_words, new.other_words);
END;
