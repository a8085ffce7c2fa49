package localapi_test

import (
	"testing"

	"gongji/daemon/localapi"
)

// TestReversalSlipListsWhatCameBack: what was returned before is neither listed again nor are its packs' codes, which may
// be sold to somebody else by then.
func TestReversalSlipListsWhatCameBack(t *testing.T) {
	r := counterDay(t)
	bill := sale("S9", "10.00")
	line := &bill.Lines[0]
	line.Quantity, line.Total, line.TraceCodes = "3", "30.00", []string{"81000000000000008191", "81000000000000008192", "81000000000000008193"}
	id := r.settled(encode(t, bill))
	back := `{"refund_id": "F9", "operator": {"id": "1001"}, "lines": [{"id": "1", "quantity": "1", "trace_codes": ["81000000000000008192"]}]}`
	if got := r.do("POST", "/v1/settlements/"+id+"/refunds", back, nil); got.StatusCode != 201 {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	if got := r.do("POST", "/v1/settlements/"+id+"/reversal", `{"reversal_id": "R9", "operator": {"id": "1001"}}`, nil); got.StatusCode != 201 {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	slip := ask[localapi.ReturnReceiptAnswer](r, "/v1/reversals/R9/receipt", r.cashier)
	if len(slip.Items) != 1 || slip.Items[0].Quantity != "2" || slip.Items[0].Total != slip.Total || slip.Total != "20.00" ||
		len(slip.Items[0].TraceCodes) != 2 || slip.Items[0].TraceCodes[1] != "81000000000000008193" {
		t.Errorf("items %+v of %s", slip.Items, slip.Total)
	}
	whole := ask[localapi.ReturnReceiptAnswer](r, "/v1/reversals/R1/receipt", r.cashier)
	if len(whole.Items) != 1 || whole.Items[0].Total != whole.Total {
		t.Errorf("a reversal with no refund before: %+v of %s", whole.Items, whole.Total)
	}
}
