package nhsa

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gongji/settle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	testVenue    = settle.Venue{Code: "P43010000001", Name: "示例大药房", Kind: "pharmacy", Area: "430100"}
	testOperator = settle.Operator{ID: "1001", Name: "李敏"}
	testNow      = time.Date(2026, 11, 22, 2, 0, 0, 120e6, time.UTC) // 10:00 in Beijing
)

func serials() func(context.Context) (uint64, error) {
	var n atomic.Uint64
	return func(context.Context) (uint64, error) { return n.Add(1), nil }
}

func testClient(t *testing.T, url string, change func(*Options)) *Client {
	t.Helper()
	options := Options{
		URL: url, Venue: testVenue, Serials: serials(), Timeout: 2 * time.Second, MAC: "02:00:00:00:00:01", IP: "192.0.2.1",
		Clock: func() time.Time { return testNow },
	}
	if change != nil {
		change(&options)
	}
	client, err := NewClient(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// testDossier is a sale with every member that reaches the wire.
func testDossier() settle.Dossier {
	return settle.Dossier{
		Report:     settle.Report{ID: 1, Kind: settle.ReportSettle},
		Identity:   settle.Identity{PsnNo: "43010000000000001234", IDNumber: "11010519491231002X", Name: "王芳", Insurance: "310", Area: "430100"},
		Credential: settle.CredentialCard,
		Card:       settle.CardNumbers{Number: "X00000019", Identifier: "639900D15600000500BF7C7A48FB4966", IDNumber: "11010519491231002X"},
		Sale: settle.Sale{
			ID: "C1-1", MedType: "41", UseAccounts: true, Operator: testOperator,
			Prescription: settle.Prescription{Number: "RX-7", Doctor: "张伟"},
			Disease:      settle.Disease{Code: "M03900", Name: "高血压"},
			Lines: []settle.Line{
				{ID: "1", Code: "XA01ABD075A002010100483", ShopCode: "6901", Name: "阿莫西林胶囊", Class: "drug_a", Quantity: "2", UnitPrice: "12.50",
					Total: 2500, Fund: 2000, TraceCodes: []string{"81000000000000000001", "81000000000000000002"}, Unit: "盒"},
				{ID: "2", Code: "XB02", ShopCode: "6902", Class: "drug_b", Quantity: "0.5", UnitPrice: "3.333333", Total: 167, SplitPack: true},
			},
		},
		Figures:   settle.Figures{Total: 2667, Fund: 2000, Own: 300, Shared: 300, Cash: 67},
		At:        testNow,
		ReceiptNo: "R20261122000001",
	}
}
