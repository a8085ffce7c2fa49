package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/cmd/gongji-bench/shop"
	"gongji/config"
	"gongji/daemon"
	"gongji/settle"
	"gongji/settle/ledger"
	"gongji/settle/policy"
)

// backlog is a shop's customers, and what they buy while the line is cut.
type backlog struct {
	patients []settle.SnapshotPerson
	snapshot settle.Snapshot // they, their relatives and everybody of the shop
}

// sharedEach: one customer in so many has an empty account and is paid for by a relative.
const sharedEach = 4

// writers is how many sales wait for the ledger at a time.
const writers = 64

func newBacklog(s *shop.Shop, people int) *backlog {
	b := &backlog{snapshot: s.Snapshot()}
	b.snapshot.ID = "drain"
	for i := range people {
		patient := customer(i, 1960)
		balance := settle.Fen(50_000_000_00)
		if i%sharedEach == 0 {
			balance = 0
			b.addRelative(i, patient)
		}
		b.patients = append(b.patients, patient)
		b.snapshot.People = append(b.snapshot.People, patient)
		b.snapshot.Accounts = append(b.snapshot.Accounts, settle.SnapshotAccount{PsnNo: patient.PsnNo, Status: settle.StatusNormal, Balance: balance})
	}
	return b
}

func (b *backlog) addRelative(i int, patient settle.SnapshotPerson) {
	relative := customer(i, 1985)
	b.snapshot.People = append(b.snapshot.People, relative)
	b.snapshot.Accounts = append(b.snapshot.Accounts, settle.SnapshotAccount{PsnNo: relative.PsnNo, Status: settle.StatusNormal, Balance: 50_000_000_00})
	b.snapshot.Bindings = append(b.snapshot.Bindings, settle.SnapshotBinding{
		ID: fmt.Sprintf("B-DRAIN-%d", i), Giver: relative.PsnNo, Beneficiary: patient.PsnNo, Relation: settle.Parent, Rank: 1,
		BoundAt: 20250101, ValidFrom: 20250101, Mode: settle.Direct, Active: true,
	})
}

// customer is the i-th invented person born in a year.
func customer(i, year int) settle.SnapshotPerson {
	body := fmt.Sprintf("430103%04d%02d%02d%03d", year+i/(12*28*999)%10, 1+i%12, 1+i/12%28, 1+i/(12*28)%999)
	return settle.SnapshotPerson{
		PsnNo: fmt.Sprintf("43010000000055%04d%06d", year, i), IDNumber: body + string(settle.CheckCharacter(body)), Name: "某顾客",
		Insurance: settle.InsuranceEmployee, Status: settle.StatusNormal, Area: "430100",
		Cards: []settle.SnapshotCard{{
			Number: fmt.Sprintf("D%d%06d", year%100, i), Identifier: fmt.Sprintf("430100D15600%04d%016d", year, i), Status: settle.CardValid, Expires: 20350101,
		}},
	}
}

// build sells n times, by turns to everybody, through the ledger that the daemon will open, and returns how many sales a second
// it took.
func (b *backlog) build(ctx context.Context, s *shop.Shop, n int) (rate float64, err error) {
	c, err := config.Load(s.Config())
	if err != nil {
		return 0, err
	}
	policies, err := policy.Load("")
	if err != nil {
		return 0, err
	}
	l, err := ledger.Open(ctx, ledger.Options{
		Dir: c.Data, Venue: daemon.VenueOf(c), Clock: time.Now, Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
		RulesFor: func(day settle.Date) (*settle.Rules, error) { return policies.For(c.Region, day) },
		Offline: settle.OfflineLimits{
			MaxAge: 24 * time.Hour, MaxSale: settle.CapOf(1 << 40), MaxPersonTotal: settle.CapOf(1 << 40), MaxTotal: settle.CapOf(1 << 40), MaxCount: 1 << 30,
			Allowed: true, Shared: true,
		},
	})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := l.ApplySnapshot(ctx, b.snapshot); err != nil {
		return 0, err
	}
	began := time.Now()
	var next atomic.Int64
	errs := make([]error, writers)
	var all sync.WaitGroup
	for w := range errs {
		all.Go(func() {
			for i := int(next.Add(1)); i <= n && errs[w] == nil && ctx.Err() == nil; i = int(next.Add(1)) {
				errs[w] = b.sell(ctx, l, i)
			}
		})
	}
	all.Wait()
	rate = float64(n) / time.Since(began).Seconds()
	return rate, errors.Join(append(errs, ctx.Err())...)
}

// sell is the i-th sale: the same lines as at the till. It is made as before anybody has noticed that the line is cut: the caps on
// what is sold offline are summed over the whole backlog for every sale, which costs a till nothing and a large backlog its time.
func (b *backlog) sell(ctx context.Context, l *ledger.Ledger, i int) error {
	patient := &b.patients[i%len(b.patients)]
	person, card := l.PersonID(patient.PsnNo), &patient.Cards[0]
	numbers, err := json.Marshal(settle.CardNumbers{Number: card.Number, Identifier: card.Identifier, IDNumber: patient.IDNumber})
	if err != nil {
		return err
	}
	sealed, err := l.Seal(ledger.KindCard, numbers)
	if err != nil {
		return err
	}
	order := settle.SettleOrder{Sale: settle.Sale{
		POS: shop.Till(0), ID: fmt.Sprintf("CUT-%09d", i), Terminal: shop.Till(0), Operator: settle.Operator{ID: "1001", Name: "李敏"}, MedType: "41",
		Patient: person, Presenter: settle.Presenter{SamePerson: true, PatientPresent: true}, UseAccounts: true, PersonCheck: "card_read",
		Credential: settle.Credential{Kind: settle.CredentialCard, Owner: person},
	}, Presence: settle.Presence{
		Reader: shop.Till(0), Seq: uint64(i), Kind: settle.CredentialCard, CardHash: l.Index(ledger.KindCard, card.Number+"|"+card.Identifier),
		CardSealed: sealed, MaskedHolder: settle.MaskName(patient.Name), MatchedAt: time.Now(), PersonCheck: "card_read", EvidenceSource: "number+name",
	}}
	for _, line := range sale(i).Lines {
		total, err := settle.ParseFen(line.Total)
		if err != nil {
			return err
		}
		sold := settle.Line{
			ID: line.ID, Code: line.Code, ShopCode: line.ShopCode, Name: line.Name, Class: line.Class, Quantity: line.Quantity, UnitPrice: line.UnitPrice,
			Total: total, Personal: [settle.BucketCount]settle.Fen{settle.Coinsurance: total},
		}
		for range line.TraceCodes {
			sold.TraceCodes = append(sold.TraceCodes, fmt.Sprintf("7%019d", i))
		}
		order.Sale.Lines = append(order.Sale.Lines, sold)
	}
	_, _, err = l.Settle(ctx, order)
	return err
}
