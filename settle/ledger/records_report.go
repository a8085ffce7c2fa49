package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"

	"gongji/settle"
)

// The sums of a report: a sale on its day; a return, negative, and what the centre booked otherwise on days of their own. Each
// query gives a key, a count and figures.
const (
	saleSums   = " AS key, COUNT(*), SUM(s.total), SUM(s.fund), SUM(s.own), SUM(s.shared), SUM(s.cash) FROM settlement s "
	refundSums = " AS key, COUNT(*), SUM(-f.total), SUM(-f.fund), SUM(-f.own), SUM(-f.shared), SUM(-f.cash) FROM refund f "
	adjustSums = " AS key, COUNT(*), 0, SUM(a.fund), SUM(a.own), SUM(a.shared), SUM(a.cash) FROM adjustment a "
	saleDays   = " WHERE s.day BETWEEN ? AND ? GROUP BY 1"
	refundDays = " WHERE f.day BETWEEN ? AND ? GROUP BY 1"
	adjustDays = " WHERE a.transit = 0 AND a.day BETWEEN ? AND ? GROUP BY 1"
)

// groupQuery is how a grouping is summed. word: the key is the number of a word.
type groupQuery struct {
	sales, returns, adjusted string
	word                     bool
}

const (
	refundedSale = "JOIN settlement s ON s.id = f.settlement"
	adjustedSale = "JOIN settlement s ON s.id = a.settlement"
)

var allSums = groupQuery{sales: "SELECT ''" + saleSums + saleDays, returns: "SELECT ''" + refundSums + refundDays,
	adjusted: "SELECT ''" + adjustSums + adjustDays}

var groupQueries = map[settle.Grouping]groupQuery{
	settle.ByDay: {sales: "SELECT s.day" + saleSums + saleDays, returns: "SELECT f.day" + refundSums + refundDays,
		adjusted: "SELECT a.day" + adjustSums + adjustDays},
	settle.ByMonth: {sales: "SELECT s.day / 100" + saleSums + saleDays, returns: "SELECT f.day / 100" + refundSums + refundDays,
		adjusted: "SELECT a.day / 100" + adjustSums + adjustDays},
	settle.ByArea: {sales: "SELECT s.area" + saleSums + saleDays, returns: "SELECT s.area" + refundSums + refundedSale + refundDays,
		adjusted: "SELECT s.area" + adjustSums + adjustedSale + adjustDays},
	settle.ByMedType: {sales: "SELECT s.med_type" + saleSums + saleDays, returns: "SELECT s.med_type" + refundSums + refundedSale + refundDays,
		adjusted: "SELECT s.med_type" + adjustSums + adjustedSale + adjustDays},
	settle.ByDisease: {word: true,
		sales:    "SELECT w.disease" + saleSums + "JOIN sale_word w ON w.settlement = s.id" + saleDays,
		returns:  "SELECT w.disease" + refundSums + "JOIN sale_word w ON w.settlement = f.settlement" + refundDays,
		adjusted: "SELECT w.disease" + adjustSums + "JOIN sale_word w ON w.settlement = a.settlement" + adjustDays},
	settle.ByTerminal: {word: true,
		sales:    "SELECT w.terminal" + saleSums + "JOIN sale_word w ON w.settlement = s.id" + saleDays,
		returns:  "SELECT w.terminal" + refundSums + "JOIN sale_word w ON w.settlement = f.settlement" + refundDays,
		adjusted: "SELECT w.terminal" + adjustSums + "JOIN sale_word w ON w.settlement = a.settlement" + adjustDays},
	settle.ByOperator: {word: true,
		sales:    "SELECT w.operator" + saleSums + "JOIN sale_word w ON w.settlement = s.id" + saleDays,
		returns:  "SELECT w.operator" + refundSums + "JOIN refund_word w ON w.refund = f.id" + refundDays,
		adjusted: "SELECT w.operator" + adjustSums + "JOIN sale_word w ON w.settlement = a.settlement" + adjustDays},
	settle.ByClass: {
		sales: `SELECT l.class, COUNT(DISTINCT l.settlement), SUM(l.total), SUM(l.fund), 0, 0, 0
			FROM settlement s JOIN line l ON l.settlement = s.id` + saleDays,
		returns: `SELECT c.class, COUNT(*), SUM(-c.total), SUM(-c.fund), 0, 0, 0
			FROM refund f JOIN refund_class c ON c.refund = f.id` + refundDays,
		// The centre books a bill, not its lines: what it changed belongs to no class.
		adjusted: "SELECT ''" + adjustSums + adjustDays},
	// What no relative paid is the group without a name.
	settle.ByRelation: {
		sales: `SELECT relation, COUNT(*), SUM(amount), 0, 0, SUM(amount), 0
				FROM settlement s JOIN relation_sum r ON r.record = s.record` + saleDays + `
			UNION ALL SELECT '', COUNT(*), SUM(total - shared), SUM(fund), SUM(own), 0, SUM(cash)
				FROM settlement s WHERE s.day BETWEEN ? AND ? AND s.total > s.shared HAVING COUNT(*) > 0`,
		returns: `SELECT relation, COUNT(*), SUM(amount), 0, 0, SUM(amount), 0
				FROM refund f JOIN relation_sum r ON r.record = f.record` + refundDays + `
			UNION ALL SELECT '', COUNT(*), SUM(f.shared - f.total), SUM(-f.fund), SUM(-f.own), 0, SUM(-f.cash)
				FROM refund f WHERE f.day BETWEEN ? AND ? AND f.total > f.shared HAVING COUNT(*) > 0`,
		adjusted: `SELECT 'other', COUNT(*), SUM(shared), 0, 0, SUM(shared), 0
				FROM adjustment WHERE transit = 0 AND shared <> 0 AND day BETWEEN ? AND ? HAVING COUNT(*) > 0
			UNION ALL SELECT '', COUNT(*), -SUM(shared), SUM(fund), SUM(own), 0, SUM(cash)
				FROM adjustment WHERE transit = 0 AND day BETWEEN ? AND ? HAVING COUNT(*) > 0`},
}

// Report sums a period. A report of a whole year reads every settlement of it once; nobody is kept from settling meanwhile.
// BAD_REQUEST for a grouping that does not exist; STORE_BROKEN.
func (l *Ledger) Report(ctx context.Context, from, to settle.Date, by settle.Grouping) (totals settle.Totals, err error) {
	totals = settle.Totals{From: from, To: to, By: by}
	query, known := groupQueries[by]
	if !known && by != settle.BySource {
		return totals, badField("group_by", "没有这种分组。", "is not a grouping")
	}
	err = l.read(ctx, func(t *tx) error {
		all, err := t.sums(allSums, from, to)
		if err != nil {
			return err
		}
		if len(all) > 0 {
			totals.All = all[0]
		}
		if by == settle.BySource {
			totals.Groups, err = t.sources(&totals.All, from, to)
		} else {
			totals.Groups, err = t.sums(query, from, to)
		}
		if err != nil {
			return err
		}
		return t.contributions(&totals.Contributions, from, to)
	})
	return totals, err
}

// sums adds sales, returns and adjustments by key, in the order of keys.
func (t *tx) sums(query groupQuery, from, to settle.Date) ([]settle.ReportGroup, error) {
	groups := map[string]*settle.ReportGroup{}
	add := func(text string, event settle.ReportEvent) error {
		args := slices.Repeat([]any{from, untilDay(to)}, strings.Count(text, "BETWEEN ? AND ?"))
		rows := []settle.ReportGroup{}
		var words []int64
		err := t.each(text, args, func(scan func(dest ...any) error) error {
			g := settle.ReportGroup{}
			var key sql.NullString
			f := &g.Figures
			if err := scan(&key, &g.Sales, &f.Total, &f.Fund, &f.Own, &f.Shared, &f.Cash); err != nil {
				return err
			}
			word := int64(0)
			if g.Key = key.String; query.word && key.Valid {
				var err error
				if word, err = strconv.ParseInt(key.String, 10, 64); err != nil {
					return err
				}
			}
			rows, words = append(rows, g), append(words, word)
			return nil
		})
		if err != nil {
			return err
		}
		for i := range rows {
			if words[i] != 0 {
				text, err := t.wordText(words[i])
				if err != nil {
					return err
				}
				rows[i].Key, _, _ = strings.Cut(text, operatorGap)
			}
			if groups[rows[i].Key] == nil {
				groups[rows[i].Key] = &settle.ReportGroup{Key: rows[i].Key}
			}
			groups[rows[i].Key].Add(event, rows[i].Sales, rows[i].Figures)
		}
		return nil
	}
	for event, text := range []string{query.sales, query.returns, query.adjusted} {
		if err := add(text, settle.ReportEvent(event)); err != nil {
			return nil, err
		}
	}
	list := make([]settle.ReportGroup, 0, len(groups))
	for _, g := range groups {
		list = append(list, *g)
	}
	slices.SortFunc(list, func(a, b settle.ReportGroup) int { return cmp.Compare(a.Key, b.Key) })
	return list, nil
}

// sources are the four that pay, each with what it paid.
func (t *tx) sources(all *settle.ReportGroup, from, to settle.Date) ([]settle.ReportGroup, error) {
	var sales, returns [4]int
	err := t.get("SELECT COUNT(NULLIF(fund, 0)), COUNT(NULLIF(own, 0)), COUNT(NULLIF(shared, 0)), COUNT(NULLIF(cash, 0)) FROM settlement WHERE day BETWEEN ? AND ?",
		[]any{from, untilDay(to)}, &sales[0], &sales[1], &sales[2], &sales[3])
	if err != nil {
		return nil, err
	}
	err = t.get("SELECT COUNT(NULLIF(fund, 0)), COUNT(NULLIF(own, 0)), COUNT(NULLIF(shared, 0)), COUNT(NULLIF(cash, 0)) FROM refund WHERE day BETWEEN ? AND ?",
		[]any{from, untilDay(to)}, &returns[0], &returns[1], &returns[2], &returns[3])
	f := &all.Figures
	return []settle.ReportGroup{
		{Key: "fund", Sales: sales[0], Returns: returns[0], Figures: settle.Figures{Total: f.Fund, Fund: f.Fund}},
		{Key: "own", Sales: sales[1], Returns: returns[1], Figures: settle.Figures{Total: f.Own, Own: f.Own}},
		{Key: "shared", Sales: sales[2], Returns: returns[2], Figures: settle.Figures{Total: f.Shared, Shared: f.Shared}},
		{Key: "cash", Sales: sales[3], Returns: returns[3], Figures: settle.Figures{Total: f.Cash, Cash: f.Cash}},
	}, err
}

// contributions sums yearly contributions, which are no bills and stand apart.
func (t *tx) contributions(g *settle.ReportGroup, from, to settle.Date) error {
	var paid, back settle.Fen
	err := t.get("SELECT COUNT(*), COALESCE(SUM(amount), 0) FROM premium WHERE day BETWEEN ? AND ?",
		[]any{from, untilDay(to)}, &g.Sales, &paid)
	if err != nil {
		return err
	}
	err = t.get(`SELECT COUNT(*), COALESCE(SUM(m.amount), 0) FROM premium_cancel k JOIN premium m ON m.id = k.premium
		WHERE k.day BETWEEN ? AND ?`, []any{from, untilDay(to)}, &g.Returns, &back)
	g.Figures.Total = paid - back
	return err
}
