package centre

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
)

// EvoucherLife is how long an e-voucher of the sandbox is good. Real ones are renewed about as often.
const EvoucherLife = time.Minute

// evoucherLead is how far the maker's clock may be ahead of the centre's.
const evoucherLead = 5 * time.Second

// evoucherSale is how much longer a code that 1101 has resolved settles the sale it was shown for (2101 and 2102 in line).
const evoucherSale = time.Minute

// Evoucher is the 医保码 that a person's telephone shows at a moment, as the sandbox makes them: "424", ten digits of time
// and nine of a digest in place of the unique and random ones, the two digits of the province, "0000". It is deterministic,
// so that a telephone, a test and a centre in another process agree on it; two of one second are the same. That also means
// that anybody can make one: a code of a real platform is nothing of the kind, and this centre keeps no real money.
func Evoucher(psnNo string, now time.Time) string {
	second := now.Unix()
	digest := sha256.Sum256(fmt.Appendf(nil, "e-voucher|%s|%d", psnNo, second))
	return fmt.Sprintf("424%010d%09d%.2s0000", second, binary.BigEndian.Uint64(digest[:])%1e9, psnNo)
}

// evoucher finds whose code it is and uses it up, under the lock. The refusals say which of the rules was broken. What was
// used is forgotten in a restart of a centre in memory, so a code may work twice around one; nothing is booked on a code.
func (w *work) evoucher(code string) (*person, error) {
	now := w.options.Clock()
	if len(code) != 28 || code[:3] != "424" {
		return nil, refusal("[EVOUCHER] 不是医保码")
	}
	second, err := strconv.ParseInt(code[3:13], 10, 64)
	if err != nil {
		return nil, refusal("[EVOUCHER] 不是医保码")
	}
	made := time.Unix(second, 0)
	end := made.Add(EvoucherLife)
	if !now.Before(end) || made.After(now.Add(evoucherLead)) {
		return nil, refusal("[EVOUCHER-EXPIRED] 医保码已过期，请刷新后重新出示")
	}
	if until, used := w.spent.get(code); used && !now.After(until) {
		return nil, refusal("[EVOUCHER-USED] 医保码已使用，请刷新后重新出示")
	}
	p := w.shows(code, made)
	if p == nil {
		return nil, refusal("[EVOUCHER] 未查询到医保码对应的参保人员")
	}
	w.spent.put(code, end.Add(evoucherLead+evoucherSale))
	return p, nil
}

// maxShown is among how many people the owner of a code is looked for on a Store. A code does not name its owner, so
// everybody's must be made; a real platform tells whose it is.
const maxShown = 5000

// shows finds the person whose code of a second it is, or nil.
func (w *work) shows(code string, made time.Time) *person {
	if w.tx != nil {
		w.load(w.people, Query{Table: tablePerson, Limit: maxShown})
	}
	for psn, p := range w.people.rows {
		if Evoucher(psn, made) == code {
			return p
		}
	}
	return nil
}

// shownTo finds whose code it is that a settlement names: one that 1101 has resolved still stands for its sale; any other
// must be fresh, and is used up.
func (w *work) shownTo(code string) (*person, error) {
	if until, resolved := w.spent.get(code); resolved && !w.options.Clock().After(until) {
		second, _ := strconv.ParseInt(code[3:13], 10, 64) // it was resolved, so it parses
		if p := w.shows(code, time.Unix(second, 0)); p != nil {
			return p, nil
		}
	}
	return w.evoucher(code)
}
