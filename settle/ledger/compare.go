package ledger

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"gongji/settle"
)

// maxExamples is how many examples of each kind and change a comparison gives.
const maxExamples = 5

// CompareSnapshot tells what ApplySnapshot would do with a snapshot, and writes nothing. It refuses what ApplySnapshot
// refuses, with BAD_REQUEST naming every field by position: impossible ones and unknown people at once. Facts that would be rewritten as they are count as unchanged;
// up to when an account contains our settlements is no fact of its own.
func (l *Ledger) CompareSnapshot(ctx context.Context, s settle.Snapshot) (settle.SnapshotDiff, error) {
	if err := l.quiet(ctx); err != nil {
		return settle.SnapshotDiff{}, err
	}
	var malformed *settle.Error
	errors.As(checkSnapshot(&s), &malformed)
	var diff settle.SnapshotDiff
	err := l.read(ctx, func(t *tx) error {
		c := newComparing(t, &s)
		if malformed != nil {
			c.faults = malformed.Fields
		}
		for _, step := range []func() error{
			c.comparePeople, c.compareAccounts, c.compareBindings, c.compareUsage, c.faults.err, c.compareEnded, c.compareUnnamed,
		} {
			if err := step(); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return storeError(err)
			}
		}
		diff = c.diff
		return nil
	})
	return diff, err
}

// SnapshotsApplied are the ids of applied snapshots that begin with a prefix, as far back as they are remembered.
func (l *Ledger) SnapshotsApplied(ctx context.Context, prefix string) (ids []string, err error) {
	err = l.read(ctx, func(t *tx) error {
		return t.each("SELECT id FROM snapshot WHERE substr(id, 1, ?) = ? ORDER BY id", []any{len([]rune(prefix)), prefix},
			func(scan func(dest ...any) error) error {
				var id string
				err := scan(&id)
				ids = append(ids, id)
				return err
			})
	})
	return ids, err
}

// comparing is a snapshot held against the ledger.
type comparing struct {
	*tx
	snapshot *settle.Snapshot
	centre   int64
	diff     settle.SnapshotDiff
	faults   snapshotFaults
	given    map[string]int    // examples so far, by kind and change
	people   map[string]known  // psn_no → as far as met
	named    map[string]bool   // kind and row that a full snapshot names: does not end
	masked   map[string]string // psn_no → masked name of those whom the snapshot introduces
}

// known is somebody as the ledger has them; key 0 for nobody.
type known struct {
	key    int64
	masked string
}

func newComparing(t *tx, s *settle.Snapshot) *comparing {
	c := &comparing{
		tx: t, snapshot: s, centre: millis(s.CentreTime), given: map[string]int{}, people: make(map[string]known, len(s.People)),
		named: make(map[string]bool, len(s.People)), masked: make(map[string]string, len(s.People)),
	}
	for i := range s.People {
		c.masked[s.People[i].PsnNo] = settle.MaskName(s.People[i].Name)
	}
	return c
}

// differences collects the members in which a stored fact and a told one differ.
type differences []string

func (d *differences) when(differs bool, field string) {
	if differs {
		*d = append(*d, field)
	}
}

// count counts one fact; asOf is the stored one's centre time, -1 where there is none.
func (c *comparing) count(changes *settle.FactChanges, asOf int64, d differences, ended bool, example settle.FactExample) {
	switch {
	case asOf > c.centre:
		changes.Kept++
		return
	case asOf < 0:
		changes.New++
		example.Change = settle.FactNew
	case ended:
		changes.Ended++
		example.Change = settle.FactEnded
	case len(d) > 0:
		changes.Changed++
		example.Change, example.Fields = settle.FactChanged, d
	default:
		changes.Unchanged++
		return
	}
	c.show(example)
}

func (c *comparing) show(example settle.FactExample) {
	key := example.Kind + " " + example.Change
	if c.given[key]++; c.given[key] <= maxExamples && example.Kind != settle.FactUsage {
		c.diff.Examples = append(c.diff.Examples, example)
	}
}

// who finds somebody in the ledger.
func (c *comparing) who(psnNo string) (known, error) {
	if k, met := c.people[psnNo]; met {
		return k, nil
	}
	var k known
	err := c.get("SELECT id, masked FROM person WHERE pid = ?", []any{c.vault().hash(KindPerson, psnNo)}, &k.key, &k.masked)
	if err != nil && !errors.Is(err, errNoRows) {
		return k, err
	}
	c.people[psnNo] = k
	return k, nil
}

// known finds somebody whom this snapshot or an earlier one introduces; the fault is noted where nobody has.
func (c *comparing) known(psnNo, format string, i int) (k known, ok bool, err error) {
	if k, err = c.who(psnNo); err != nil {
		return k, false, err
	}
	if masked, told := c.masked[psnNo]; told {
		k.masked = masked
		return k, true, nil
	}
	if k.key == 0 {
		c.faults.unknown(format, i)
	}
	return k, k.key != 0, nil
}

func (c *comparing) comparePeople() error {
	for i := range c.snapshot.People {
		p := &c.snapshot.People[i]
		k, err := c.who(p.PsnNo)
		if err != nil {
			return err
		}
		example := settle.FactExample{Kind: settle.FactPerson, Place: fmt.Sprintf("people[%d]", i), Masked: settle.MaskName(p.Name)}
		asOf, d := int64(-1), differences(nil)
		if k.key != 0 {
			c.named[fmt.Sprint(settle.FactPerson, k.key)] = true
			if asOf, d, err = c.personDiffers(k.key, p); err != nil {
				return err
			}
		}
		c.count(&c.diff.People, asOf, d, false, example)
	}
	return nil
}

func (c *comparing) personDiffers(key int64, p *settle.SnapshotPerson) (asOf int64, d differences, err error) {
	var certno, sealed []byte
	var stored settle.SnapshotPerson
	var gone bool
	err = c.get("SELECT certno, sealed, insurance, status, area, waiting, as_of, gone FROM person WHERE id = ?", []any{key},
		&certno, &sealed, &stored.Insurance, &stored.Status, &stored.Area, &stored.Waiting, &asOf, &gone)
	if err != nil || asOf > c.centre {
		return asOf, nil, err
	}
	var is identity
	if err := c.vault().unsealJSON(KindPerson, sealed, &is); err != nil {
		return asOf, nil, err
	}
	d.when(gone, "people")
	d.when(!bytes.Equal(certno, c.vault().hash(KindCertno, p.IDNumber)), "certno")
	d.when(is.Name != p.Name, "psn_name")
	d.when(stored.Insurance != p.Insurance, "insutype")
	d.when(stored.Status != p.Status, "status")
	d.when(stored.Area != p.Area, "area")
	d.when(stored.Waiting != p.Waiting && !c.snapshot.OwnOnly, "waiting")
	cards, err := c.cardsDiffer(key, p.Cards)
	d.when(cards, "cards")
	return asOf, d, err
}

// cardsDiffer compares a person's cards; those that the ledger knows from later stay and do not count.
func (c *comparing) cardsDiffer(person int64, cards []settle.SnapshotCard) (bool, error) {
	stored := map[string]settle.Card{}
	later := map[string]bool{}
	err := c.each("SELECT hash, status, expires, as_of FROM card WHERE person = ?", []any{person},
		func(scan func(dest ...any) error) error {
			var hash []byte
			var card settle.Card
			var asOf int64
			err := scan(&hash, &card.Status, &card.Expires, &asOf)
			stored[string(hash)], later[string(hash)] = card, asOf > c.centre
			return err
		})
	if err != nil {
		return false, err
	}
	for _, card := range cards {
		hash := string(c.vault().hash(KindCard, card.Number+"|"+card.Identifier))
		was, found := stored[hash]
		if !later[hash] && (!found || was.Status != card.Status || was.Expires != card.Expires) {
			return true, nil
		}
		delete(stored, hash)
	}
	for hash := range stored {
		if !later[hash] && !c.snapshot.OwnOnly {
			return true, nil
		}
	}
	return false, nil
}

func (c *comparing) compareAccounts() error {
	for i := range c.snapshot.Accounts {
		a := &c.snapshot.Accounts[i]
		k, ok, err := c.known(a.PsnNo, "accounts[%d].psn_no", i)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		c.named[fmt.Sprint(settle.FactAccount, k.key)] = k.key != 0
		asOf, d, err := c.accountDiffers(k.key, a)
		if err != nil {
			return err
		}
		c.count(&c.diff.Accounts, asOf, d, false,
			settle.FactExample{Kind: settle.FactAccount, Place: fmt.Sprintf("accounts[%d]", i), Masked: k.masked})
	}
	return nil
}

func (c *comparing) accountDiffers(person int64, a *settle.SnapshotAccount) (int64, differences, error) {
	var scan accountScan
	err := c.get("SELECT "+accountColumns+" FROM account a WHERE a.person = ?", []any{person}, scan.dest()...)
	if errors.Is(err, errNoRows) {
		return -1, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	row, _ := scan.row()
	if row.asOf > c.centre {
		return row.asOf, nil, nil
	}
	was := &row.account
	var d differences
	d.when(row.gone, "accounts")
	d.when(was.Status != a.Status, "status")
	d.when(was.TwoPots != a.TwoPots || was.Balance != a.Balance || was.Current != a.Current || was.Prior != a.Prior || was.Mutual != a.Mutual,
		"pots")
	d.when(was.Frozen != a.Frozen, "frozen")
	d.when(row.reserved != a.ReservedElsewhere, "reserved_elsewhere")
	d.when(was.Limit != a.Limit || was.LimitUsed != a.LimitUsed, "limit")
	d.when(row.allowance != a.Allowance || row.allowanceUntil != millis(a.AllowanceUntil), "allowance")
	return row.asOf, d, nil
}

func (c *comparing) compareBindings() error {
	for i := range c.snapshot.Bindings {
		b := &c.snapshot.Bindings[i]
		giver, ok, err := c.known(b.Giver, "bindings[%d].giver", i)
		if err != nil {
			return err
		}
		beneficiary, both, err := c.known(b.Beneficiary, "bindings[%d].beneficiary", i)
		if err != nil {
			return err
		}
		if !ok || !both {
			continue
		}
		c.named[settle.FactBinding+b.ID] = true
		asOf, d, ended, err := c.bindingDiffers(giver.key, beneficiary.key, b)
		if err != nil {
			return err
		}
		c.count(&c.diff.Bindings, asOf, d, ended, settle.FactExample{
			Kind: settle.FactBinding, Place: fmt.Sprintf("bindings[%d]", i), Masked: giver.masked + " → " + beneficiary.masked,
		})
	}
	return nil
}

// bindingDiffers compares a binding; ended is true where it counts today and would not any more.
func (c *comparing) bindingDiffers(giver, beneficiary int64, b *settle.SnapshotBinding) (asOf int64, d differences, ended bool, err error) {
	var was settle.SnapshotBinding
	var hadGiver, hadBeneficiary int64
	var limit sql.NullInt64
	var sealed []byte
	err = c.get(`SELECT giver, beneficiary, relation, rank, bound_at, valid_from, valid_to, mode, quota_total, quota_used, limit_max,
		limit_used, limit_all, active, as_of, told FROM binding WHERE ref = ?`, []any{b.ID}, &hadGiver, &hadBeneficiary, &was.Relation, &was.Rank,
		&was.BoundAt, &was.ValidFrom, &was.ValidTo, &was.Mode, &was.QuotaTotal, &was.QuotaUsed, &limit, &was.LimitUsed, &was.LimitAll,
		&was.Active, &asOf, &sealed)
	if errors.Is(err, errNoRows) {
		return -1, nil, false, nil
	}
	if err != nil || asOf > c.centre {
		return asOf, nil, false, err
	}
	was.Limit = capOf(limit)
	if err := c.asIfNotEnded(b, &was); err != nil {
		return asOf, nil, false, err
	}
	d.when(hadGiver != giver, "giver")
	d.when(hadBeneficiary != beneficiary, "beneficiary")
	d.when(was.Relation != b.Relation, "relation")
	d.when(was.Rank != b.Rank, "rank")
	d.when(was.BoundAt != b.BoundAt, "bound_at")
	d.when(was.ValidFrom != b.ValidFrom, "valid_from")
	d.when(was.ValidTo != b.ValidTo, "valid_to")
	d.when(was.Mode != mode(b.Mode), "mode")
	d.when(was.QuotaTotal != b.QuotaTotal, "quota_total")
	d.when(was.QuotaUsed != b.QuotaUsed, "quota_used")
	d.when(was.Limit != b.Limit || was.LimitUsed != b.LimitUsed || was.LimitAll != b.LimitAll, "limit")
	d.when(was.Active != b.Active, "state")
	heard, err := c.openTold(sealed)
	d.when(b.AuthMethod != "" && heard.AuthMethod != b.AuthMethod, "auth_method")
	d.when(b.Network != "" && heard.Network != b.Network, "network")
	return asOf, d, was.Active && !b.Active, err
}

func (c *comparing) compareUsage() error {
	for i := range c.snapshot.Usage {
		u := &c.snapshot.Usage[i]
		k, ok, err := c.known(u.PsnNo, "usage[%d].psn_no", i)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		was, asOf := settle.SnapshotUsage{PsnNo: u.PsnNo}, int64(-1)
		err = c.get("SELECT day_shared, month_shared, year_shared, day, as_of FROM usage WHERE person = ?", []any{k.key},
			&was.DayShared, &was.MonthShared, &was.YearShared, &was.AsOf, &asOf)
		if err != nil && !errors.Is(err, errNoRows) {
			return err
		}
		told := *u
		if told.AsOf == 0 {
			told.AsOf = settle.DateOf(c.snapshot.CentreTime)
		}
		var d differences
		d.when(was != told, "usage")
		c.count(&c.diff.Usage, asOf, d, false, settle.FactExample{Kind: settle.FactUsage})
	}
	return nil
}

// compareEnded counts what the snapshot ends by name.
func (c *comparing) compareEnded() error {
	for i, ref := range c.snapshot.EndedBinds {
		c.named[settle.FactBinding+ref] = true
		err := c.endedBy(&c.diff.Bindings, settle.FactBinding, fmt.Sprintf("ended.bindings[%d]", i), bindingsStanding+" AND b.ref = ?", c.centre, ref)
		if err != nil {
			return err
		}
	}
	for i, psnNo := range c.snapshot.EndedPsnNo {
		k, err := c.who(psnNo)
		if err != nil {
			return err
		}
		c.named[fmt.Sprint(settle.FactPerson, k.key)] = true
		err = c.endedBy(&c.diff.People, settle.FactPerson, fmt.Sprintf("ended.people[%d]", i), peopleStanding+" AND p.id = ?", c.centre, k.key)
		if err != nil {
			return err
		}
	}
	return nil
}

// What stands today and is not known from later: a row's name, and the masked names to show.
const (
	peopleStanding   = "SELECT p.id, p.masked FROM person p WHERE p.gone = 0 AND p.as_of <= ?"
	accountsStanding = "SELECT a.person, p.masked FROM account a JOIN person p ON p.id = a.person WHERE a.gone = 0 AND a.as_of <= ?"
	bindingsStanding = `SELECT b.ref, g.masked || ' → ' || p.masked FROM binding b JOIN person g ON g.id = b.giver
		JOIN person p ON p.id = b.beneficiary WHERE b.active = 1 AND b.as_of <= ?`
)

// compareUnnamed counts what a full snapshot ends by not naming it.
func (c *comparing) compareUnnamed() error {
	if !c.snapshot.Full {
		return nil
	}
	return errors.Join(
		c.endedBy(&c.diff.People, settle.FactPerson, "", peopleStanding, c.centre),
		c.endedBy(&c.diff.Accounts, settle.FactAccount, "", accountsStanding, c.centre),
		c.endedBy(&c.diff.Bindings, settle.FactBinding, "", bindingsStanding, c.centre),
	)
}

// endedBy counts the rows of a query as ended; without a place, those that the snapshot does not name.
func (c *comparing) endedBy(changes *settle.FactChanges, kind, place, query string, args ...any) error {
	return c.each(query, args, func(scan func(dest ...any) error) error {
		var name, masked string
		if err := scan(&name, &masked); err != nil {
			return err
		}
		if place == "" && c.named[kind+name] {
			return nil
		}
		changes.Ended++
		c.show(settle.FactExample{Kind: kind, Change: settle.FactEnded, Place: place, Masked: masked})
		return nil
	})
}
