package ledger

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gongji/settle"
)

// tracePart is how much of a pack a line takes, in parts of settle.WholePack.
type tracePart struct {
	code string
	part int64
}

// takeTraces finds what the bill's lines take out of which pack. It refuses a pack that this venue has sold before and not taken
// back, and more of an opened one (拆零) than is left in it; a code that was once sold as a whole pack is used up.
func (t *tx) takeTraces(f *facts) error {
	rules := &f.rules.Trace
	f.traces = make([][]tracePart, len(f.bill.Lines))
	for i := range f.bill.Lines {
		line := &f.bill.Lines[i]
		f.traces[i] = wholePacks(line)
		if !rules.RejectDuplicate || !rules.Traced(f.bill.Day, line) {
			continue
		}
		for n, code := range line.TraceCodes {
			sold, err := t.soldOf(line, code)
			if err != nil {
				return err
			}
			f.traces[i][n].part -= min(sold, settle.WholePack)
		}
		if !line.SplitPack {
			continue
		}
		if err := takeParts(line, f.traces[i]); err != nil {
			return err
		}
	}
	return nil
}

// wholePacks are a line's packs with all that is in them.
func wholePacks(line *settle.Line) []tracePart {
	parts := make([]tracePart, len(line.TraceCodes))
	for n, code := range line.TraceCodes {
		parts[n] = tracePart{code, settle.WholePack}
	}
	return parts
}

// soldOf is how much of a pack was sold before, where a line may still sell of it.
func (t *tx) soldOf(line *settle.Line, code string) (sold int64, err error) {
	var rows, wholes int
	if err := t.get("SELECT COUNT(*), COALESCE(SUM(1 - split_pack), 0), COALESCE(SUM(part), 0) FROM trace WHERE code = ?",
		[]any{code}, &rows, &wholes, &sold); err != nil {
		return 0, err
	}
	if wholes > 0 || rows > 0 && !line.SplitPack {
		return 0, t.soldBefore(line, code)
	}
	return sold, nil
}

// soldBefore names the sale that sold a pack.
func (t *tx) soldBefore(line *settle.Line, code string) error {
	refusal := settle.Refused(settle.ETraceDuplicate).With("line", line.ID).With("trace_code", code)
	var ref, receipt, sale string
	var at int64
	err := t.get(`SELECT s.ref, s.receipt, s.sale_id, s.at FROM trace t JOIN settlement s ON s.id = t.settlement WHERE t.code = ?
		ORDER BY s.id LIMIT 1`, []any{code}, &ref, &receipt, &sale, &at)
	if err != nil {
		return err
	}
	return refusal.In(settle.CaseTraceSold).Naming(ref, receipt, sale, time.UnixMilli(at))
}

// takeParts spreads a line that is sold in parts over its packs, one after the other: left is what is left of each, and what is
// taken of it afterwards.
func takeParts(line *settle.Line, left []tracePart) error {
	rest, err := line.PackParts(line.Quantity)
	if err != nil {
		return broken("a line sold in parts has no quantity")
	}
	for n := range left {
		p := &left[n]
		sold, last := settle.WholePack-p.part, n == len(left)-1
		if p.part == 0 || last && rest > p.part {
			return settle.Refused(settle.ETracePack).In(settle.CaseTracePack).With("line", line.ID).With("trace_code", p.code).
				With("sold", packText(sold))
		}
		if rest == 0 {
			return settle.Refused(settle.ETraceCount).In(settle.CaseTraceCount).With("line", line.ID).With("trace_code", p.code)
		}
		p.part = min(rest, p.part)
		rest -= p.part
	}
	return nil
}

// packText writes parts of a pack as a decimal of at most four places, half up.
func packText(parts int64) string {
	const places = 10_000
	n := (parts*places + settle.WholePack/2) / settle.WholePack
	text := fmt.Sprintf("%d.%04d", n/places, n%places)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// addTraces notes the packs of a line as sold.
func (t *tx) addTraces(settlement int64, line *settle.Line, parts []tracePart) error {
	for _, p := range parts {
		err := t.run("INSERT OR IGNORE INTO trace (code, settlement, line, split_pack, part) VALUES (?, ?, ?, ?, ?)",
			p.code, settlement, line.ID, line.SplitPack, p.part)
		if err != nil {
			return err
		}
	}
	return nil
}

// releaseTraces lets packs that came back be sold again: those named, where a line came back whole all of it, and of an opened
// pack as much as came back.
func (g *giving) releaseTraces(t *tx) error {
	for i := range g.lines {
		line := &g.lines[i]
		if !slices.ContainsFunc(g.back.Kept, func(l settle.Line) bool { return l.ID == line.ID }) {
			if err := t.run("DELETE FROM trace WHERE settlement = ? AND line = ?", g.key, line.ID); err != nil {
				return err
			}
			continue
		}
		at := slices.IndexFunc(g.order.Lines, func(back settle.ReturnLine) bool { return back.ID == line.ID })
		if at < 0 {
			continue
		}
		release := g.releaseWhole
		if line.SplitPack {
			release = g.releaseParts
		}
		if err := release(t, line, &g.order.Lines[at]); err != nil {
			return err
		}
	}
	return nil
}

func (g *giving) releaseWhole(t *tx, line *settle.Line, back *settle.ReturnLine) error {
	for _, code := range back.TraceCodes {
		if err := t.run("DELETE FROM trace WHERE code = ? AND settlement = ? AND line = ?", code, g.key, line.ID); err != nil {
			return err
		}
	}
	return nil
}

// releaseParts gives parts back to the packs they came from: to those named, else to the line's last pack first.
func (g *giving) releaseParts(t *tx, line *settle.Line, back *settle.ReturnLine) error {
	rest, err := line.PackParts(back.Quantity)
	if err != nil {
		return broken("a return has no quantity")
	}
	codes := back.TraceCodes
	if len(codes) == 0 {
		codes = slices.Clone(line.TraceCodes)
		slices.Reverse(codes)
	}
	for _, code := range codes {
		var took int64
		err := t.get("SELECT COALESCE(SUM(part), 0) FROM trace WHERE code = ? AND settlement = ? AND line = ?", []any{code, g.key, line.ID}, &took)
		if err != nil {
			return err
		}
		back := min(rest, took)
		rest -= back
		if back > 0 {
			if err := t.run("UPDATE trace SET part = part - ? WHERE code = ? AND settlement = ? AND line = ?", back, code, g.key, line.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
