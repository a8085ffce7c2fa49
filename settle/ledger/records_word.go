package ledger

import (
	"strings"
	"sync"

	"gongji/settle"
)

// knownWord is a word in clear.
type knownWord struct {
	id           int64
	kind         string
	text, folded string
}

// wordBook holds the words that were opened. Words are never changed or deleted, so that only new ones are read again. There
// are as many as a shop has goods, doctors and operators; patients' names are not among them.
type wordBook struct {
	mu    sync.Mutex
	last  int64
	words []knownWord
	texts map[int64]string
}

// foldWord makes two spellings of a text equal for a search.
func foldWord(text string) string { return settle.FoldName(strings.TrimSpace(text)) }

// knownWords are all words but patients' names. The list must not be changed.
func (t *tx) knownWords() ([]knownWord, error) {
	book := &t.ledger.words
	book.mu.Lock()
	defer book.mu.Unlock()
	if book.texts == nil {
		book.texts = map[int64]string{}
	}
	err := t.each("SELECT id, kind, text FROM word WHERE id > ? AND kind <> 'name' ORDER BY id", []any{book.last},
		func(scan func(dest ...any) error) error {
			w := knownWord{}
			var sealed []byte
			if err := scan(&w.id, &w.kind, &sealed); err != nil {
				return err
			}
			if len(sealed) > 0 {
				text, err := t.vault().unseal(KindNote, sealed)
				if err != nil {
					return err
				}
				w.text = string(text)
			}
			w.folded = foldWord(w.text)
			book.words, book.last = append(book.words, w), w.id
			book.texts[w.id] = w.text
			return nil
		})
	return book.words, err
}

// wordText is a word in clear; empty for a patient's name.
func (t *tx) wordText(id int64) (string, error) {
	if _, err := t.knownWords(); err != nil {
		return "", err
	}
	t.ledger.words.mu.Lock()
	defer t.ledger.words.mu.Unlock()
	return t.ledger.words.texts[id], nil
}
