package feed

import (
	"encoding/json"
	"time"

	"gongji/settle"
)

// The wire form of news. It never leaves unsealed: see package relay.
type wireNews struct {
	ID         string            `json:"news_id"`
	CentreTime centreTime        `json:"centre_time"`
	Through    string            `json:"through"`
	People     []wireNewsPerson  `json:"people,omitempty"`
	Cards      []wireNewsCard    `json:"cards,omitempty"`
	Accounts   []wireNewsAccount `json:"accounts,omitempty"`
	Ended      *wireEnded        `json:"ended,omitempty"`
}

type wireNewsPerson struct {
	PsnNo  string `json:"psn_no"`
	Status string `json:"status"`
}

type wireNewsCard struct {
	PsnNo      string `json:"psn_no"`
	Number     string `json:"number"`
	Identifier string `json:"identifier"`
	Status     string `json:"status"`
}

type wireNewsAccount struct {
	PsnNo  string     `json:"psn_no"`
	Status string     `json:"status"`
	Frozen settle.Fen `json:"frozen"`
	Held   settle.Fen `json:"held"`
}

// EncodeNews writes news for the wire.
func EncodeNews(n *settle.News) ([]byte, error) {
	w := wireNews{ID: n.ID, CentreTime: centreTime(n.CentreTime), Through: n.Through}
	for _, p := range n.People {
		w.People = append(w.People, wireNewsPerson{p.PsnNo, string(p.Status)})
	}
	for _, c := range n.Cards {
		w.Cards = append(w.Cards, wireNewsCard{c.PsnNo, c.Number, c.Identifier, string(c.Status)})
	}
	for _, a := range n.Accounts {
		w.Accounts = append(w.Accounts, wireNewsAccount{a.PsnNo, string(a.Status), a.Frozen, a.Held})
	}
	if len(n.EndedBinds)+len(n.EndedPsnNo) > 0 {
		w.Ended = &wireEnded{Bindings: n.EndedBinds, People: n.EndedPsnNo}
	}
	return json.Marshal(w)
}

// DecodeNews reads what EncodeNews wrote; the error is BAD_REQUEST and says nothing of the content. Whether statuses and
// amounts are possible is for the ledger to say.
func DecodeNews(data []byte) (n settle.News, err error) {
	var w wireNews
	if err := json.Unmarshal(data, &w); err != nil {
		return n, settle.NewError(settle.BadRequest, shapeOnly(err))
	}
	n = settle.News{ID: w.ID, CentreTime: time.Time(w.CentreTime), Through: w.Through}
	for _, p := range w.People {
		n.People = append(n.People, settle.NewsPerson{PsnNo: p.PsnNo, Status: settle.Status(p.Status)})
	}
	for _, c := range w.Cards {
		n.Cards = append(n.Cards, settle.NewsCard{PsnNo: c.PsnNo, Number: c.Number, Identifier: c.Identifier, Status: settle.CardStatus(c.Status)})
	}
	for _, a := range w.Accounts {
		n.Accounts = append(n.Accounts, settle.NewsAccount{PsnNo: a.PsnNo, Status: settle.Status(a.Status), Frozen: a.Frozen, Held: a.Held})
	}
	if w.Ended != nil {
		n.EndedBinds, n.EndedPsnNo = w.Ended.Bindings, w.Ended.People
	}
	return n, nil
}
