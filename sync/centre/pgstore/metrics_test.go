package pgstore_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"gongji/sync/centre"
	"gongji/sync/nhsa"
)

// TestFigures: what a centre did to its book is among its metrics, in memory as in a database, and counts once.
func TestFigures(t *testing.T) {
	for _, kept := range []string{"memory", "database"} {
		t.Run(kept, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			faults, err := centre.PlanFaults([]string{"1101=delay-before:1:1ms"})
			if err != nil {
				t.Fatal(err)
			}
			options := centre.Options{Registry: registry, Faults: faults, Allowances: centre.Allowances{Percent: 20}}
			var p *process
			if kept == "memory" {
				c, err := centre.New(options)
				if err != nil {
					t.Fatal(err)
				}
				front := httptest.NewServer(c.Handler())
				t.Cleanup(front.Close)
				p = &process{Centre: c, url: front.URL}
			} else {
				p = start(t, server.URL(t), options)
			}
			family := demo(t, p)
			x := newTill(t, "P43010000001", p)
			x.must(nhsa.PersonQuery{CertType: "02", CertNo: family.Stranger.IDNumber})
			x.page(nhsa.FamilyQuery{CertType: "02", CertNo: family.Stranger.IDNumber})
			booking, _ := x.book(sale(family.Stranger, 500))
			message := x.prepare(nhsa.PharmacySettle{Dossier: sale(family.Stranger, 300)})
			for range 2 {
				x.clients[0].Send(t.Context(), message)
			}
			x.must(nhsa.Reverse{PsnNo: family.Stranger.PsnNo, Original: message.MsgID, OriginalInfno: nhsa.InfnoSettle})
			x.must(nhsa.Cancel{PsnNo: family.Stranger.PsnNo, SetlID: booking.SetlID, MdtrtID: booking.MdtrtID})
			if err := testutil.GatherAndCompare(registry, strings.NewReader(figures),
				"gongji_centre_booked_total", "gongji_centre_repeated_total", "gongji_centre_allowance_yuan_total"); err != nil {
				t.Error(err)
			}
			if n, err := testutil.GatherAndCount(registry, "gongji_centre_faults_total"); err != nil || n < 10 {
				t.Errorf("%d kinds of faults, %v", n, err)
			}
		})
	}
}

const figures = `# HELP gongji_centre_allowance_yuan_total Money set aside for venues, spent by them, put back by what was undone, returned, and free again after its time.
# TYPE gongji_centre_allowance_yuan_total counter
gongji_centre_allowance_yuan_total{of="expired"} 0
gongji_centre_allowance_yuan_total{of="granted"} 40
gongji_centre_allowance_yuan_total{of="refilled"} 3
gongji_centre_allowance_yuan_total{of="returned"} 0
gongji_centre_allowance_yuan_total{of="spent"} 8
# HELP gongji_centre_booked_total Rows of the book by what became of them: settlements and cancellations that were booked, and rows undone by 2601.
# TYPE gongji_centre_booked_total counter
gongji_centre_booked_total{of="cancelled"} 1
gongji_centre_booked_total{of="settled"} 2
gongji_centre_booked_total{of="undone"} 1
# HELP gongji_centre_repeated_total Messages refused because their msgid is booked: copies, and answers that were lost on the way.
# TYPE gongji_centre_repeated_total counter
gongji_centre_repeated_total 1
`
