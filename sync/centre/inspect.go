package centre

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// view shows parts of the book, at most limit records of each (0: all). Where a store cannot be asked there is nothing to
// see, and the log says why.
func (c *Centre) view(limit int, show func(w *work), parts func(w *work) []shelf) {
	err := c.within(context.Background(), "", func(w *work) error {
		if w.tx != nil {
			for _, part := range parts(w) {
				w.load(part, Query{Table: part.spec(), Limit: limit})
			}
		}
		show(w)
		return nil
	})
	if err != nil {
		c.options.Logger.Error("the book cannot be shown", "err", err.Error())
	}
}

// Book is a copy of all rows in booking order.
func (c *Centre) Book() (rows []Row) { return c.bookOf(0, func(*Row) bool { return true }) }

// Standing are the settlements that count: neither undone nor cancelled.
func (c *Centre) Standing() []Row {
	return c.bookOf(0, func(row *Row) bool { return !row.Undone && !row.Cancelled && row.Cancels == "" })
}

func (c *Centre) bookOf(limit int, keep func(*Row) bool) (rows []Row) {
	c.view(limit, func(w *work) {
		rows = make([]Row, 0, len(w.rows.rows))
		for _, row := range w.rows.rows {
			if keep(row) {
				rows = append(rows, *row)
			}
		}
	}, func(w *work) []shelf { return []shelf{w.rows} })
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.SetlID, b.SetlID)) })
	return rows
}

// Balances are all accounts' money by person number, frozen money included.
func (c *Centre) Balances() (balances map[string]settle.Fen) {
	c.view(0, func(w *work) {
		balances = make(map[string]settle.Fen, len(w.accounts.rows))
		for psn, a := range w.accounts.rows {
			balances[psn] = a.total()
		}
	}, func(w *work) []shelf { return []shelf{w.accounts} })
	return balances
}

// Granted is one allowance as it stands, for tests and the sandbox.
type Granted struct {
	Venue, PsnNo string
	Left         settle.Fen
	Until        time.Time
	Returned     bool
}

// Granted lists what is set aside now, by venue and person number.
func (c *Centre) Granted() (list []Granted) {
	c.view(0, func(w *work) {
		list = nil
		for _, g := range w.grants.rows {
			list = append(list, Granted{g.Venue, g.PsnNo, g.Amount, g.Until, g.Returned})
		}
	}, func(w *work) []shelf { return []shelf{w.grants} })
	slices.SortFunc(list, func(a, b Granted) int { return cmp.Or(cmp.Compare(a.Venue, b.Venue), cmp.Compare(a.PsnNo, b.PsnNo)) })
	return list
}

// maxShow is how many records the two pages look at.
const maxShow = 1000

func (c *Centre) showBook(w http.ResponseWriter, _ *http.Request) {
	limit := 0
	if c.options.Store != nil {
		limit = maxShow
	}
	rows := c.bookOf(limit, func(*Row) bool { return true })
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
	var people []shownPerson
	c.view(maxShow, func(w *work) {
		people = make([]shownPerson, 0, len(w.people.rows))
		for _, p := range w.people.rows {
			shown := shownPerson{
				PsnNo: settle.MaskNumber(p.PsnNo), Name: settle.MaskName(p.Name), IDNumber: settle.MaskNumber(p.IDNumber),
				Insurance: p.Insurance, Status: p.Status, Area: p.Area,
			}
			if a := w.accounts.at(p.PsnNo); a != nil {
				total := a.total()
				shown.Balance = &total
			}
			people = append(people, shown)
		}
	}, func(w *work) []shelf { return []shelf{w.people} })
	slices.SortFunc(people, func(a, b shownPerson) int { return cmp.Compare(a.IDNumber, b.IDNumber) })
	showJSON(w, people)
}

func showJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(value) // a reader that has gone away does not read it
}

// OpenVisits is how many visits (2201) are open: neither cancelled nor with a settlement that stands.
func (c *Centre) OpenVisits() (n int) {
	c.view(0, func(w *work) {
		n = 0
		for _, v := range w.visits.rows {
			if !v.Cancelled && !w.settledBatch(v.MdtrtID, nhsa.AllBatches) {
				n++
			}
		}
	}, func(w *work) []shelf { return []shelf{w.visits} })
	return n
}

// SoldTraces are the trace codes that were sold and did not come back, each with the receipt of its sale.
func (c *Centre) SoldTraces() (codes map[string]string) {
	c.view(0, func(w *work) {
		codes = make(map[string]string, len(w.traces.rows))
		for code, receipt := range w.traces.rows {
			_, codes[code], _ = strings.Cut(receipt, "/")
		}
	}, func(w *work) []shelf { return []shelf{w.traces} })
	return codes
}
