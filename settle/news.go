package settle

import "time"

// News is what cannot wait for the next snapshot: facts by which less may be paid than before. It takes away and never
// gives, says nothing of balances, and introduces nobody; the snapshot that the venue asks for next says the same with all
// that belongs to it, and stands over it. So news that comes twice, late or not at all does no harm that lasts.
type News struct {
	ID         string    // names this news among all
	CentreTime time.Time // when the centre knew
	// Through is the feed's cursor up to which changes are in here: a ledger that has come as far knows all of it.
	Through    string
	People     []NewsPerson
	Cards      []NewsCard
	Accounts   []NewsAccount
	EndedBinds []string
	EndedPsnNo []string
}

// NewsPerson is a person whose status is no longer normal.
type NewsPerson struct {
	PsnNo  string
	Status Status
}

// NewsCard is a card that is no longer valid.
type NewsCard struct {
	PsnNo, Number, Identifier string
	Status                    CardStatus
}

// NewsAccount is an account that was locked, or of which more is kept from spending than before.
type NewsAccount struct {
	PsnNo  string
	Status Status
	Frozen Fen // at least so much
	Held   Fen // set aside for all venues together, the reader's own allowance included
}

// Facts is how many facts the news has.
func (n *News) Facts() int {
	return len(n.People) + len(n.Cards) + len(n.Accounts) + len(n.EndedBinds) + len(n.EndedPsnNo)
}
