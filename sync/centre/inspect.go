package centre

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"

	"gongji/settle"
)

// Book is a copy of all rows in booking order.
func (c *Centre) Book() []Row {
	c.mu.Lock()
	defer c.mu.Unlock()
	rows := make([]Row, 0, len(c.rows))
	for _, row := range c.rows {
		rows = append(rows, *row)
	}
	return rows
}

// Balances are all accounts' money by person number, frozen money included.
func (c *Centre) Balances() map[string]settle.Fen {
	c.mu.Lock()
	defer c.mu.Unlock()
	balances := make(map[string]settle.Fen, len(c.accounts))
	for psn, a := range c.accounts {
		balances[psn] = a.total()
	}
	return balances
}

// Standing are the settlements that count: neither undone nor cancelled.
func (c *Centre) Standing() []Row {
	c.mu.Lock()
	defer c.mu.Unlock()
	var rows []Row
	for _, row := range c.rows {
		if !row.Undone && !row.cancelled && row.Cancels == "" {
			rows = append(rows, *row)
		}
	}
	return rows
}

func (c *Centre) showBook(w http.ResponseWriter, _ *http.Request) {
	rows := c.Book()
	for i := range rows {
		rows[i].PsnNo = settle.MaskNumber(rows[i].PsnNo)
		pays := make([]Pay, 0, len(rows[i].Pays))
		for _, pay := range rows[i].Pays {
			pay.PsnNo = settle.MaskNumber(pay.PsnNo)
			pays = append(pays, pay)
		}
		rows[i].Pays = pays
	}
	showJSON(w, rows)
}

type shownPerson struct {
	PsnNo     string        `json:"psn_no"`
	Name      string        `json:"psn_name"`
	IDNumber  string        `json:"certno"`
	Insurance string        `json:"insutype"`
	Status    settle.Status `json:"status"`
	Area      string        `json:"area"`
	Balance   *settle.Fen   `json:"balance"` // null: no account
}

func (c *Centre) showPeople(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	people := make([]shownPerson, 0, len(c.people))
	for _, p := range c.people {
		shown := shownPerson{
			PsnNo: settle.MaskNumber(p.PsnNo), Name: settle.MaskName(p.Name), IDNumber: settle.MaskNumber(p.IDNumber),
			Insurance: p.Insurance, Status: p.Status, Area: p.Area,
		}
		if a := c.accounts[p.PsnNo]; a != nil {
			total := a.total()
			shown.Balance = &total
		}
		people = append(people, shown)
	}
	c.mu.Unlock()
	slices.SortFunc(people, func(a, b shownPerson) int { return cmp.Compare(a.IDNumber, b.IDNumber) })
	showJSON(w, people)
}

func showJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(value) // a reader that has gone away does not read it
}
