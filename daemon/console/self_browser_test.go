package console

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"gongji/daemon/localapi"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
)

// TestSelfServicePage: the holder of the card sees their own account and what they bought, in large print where wanted, and
// nothing of it stays when the card leaves (S-153, S-155).
func TestSelfServicePage(t *testing.T) {
	r := newCounter(t, rigOptions{})
	c := openAt(t, r.server.URL()+Prefix+"self/", "token="+r.kiosk, r.clock.Now())
	c.sees("#main", "请插入您本人的社保卡", "拔卡后内容立即消失")
	c.shot("60-self-empty")
	r.reader.Insert(Patient.Card())
	c.sees("#main", "持卡人 王*", "本人账户可用余额", "¥ 50.00", "可为您支付的家人账户", "李**", "近三个月在本店的明细", "秒后自动隐藏")
	if text := c.text("#main"); strings.Contains(text, "200.00") || strings.Contains(text, Patient.IDNumber) || strings.Contains(text, Patient.Name) {
		t.Errorf("shows what is not the holder's to see: %s", text)
	}
	c.shot("61-self")
	before := 0.0
	c.eval(`parseFloat(getComputedStyle(document.documentElement).fontSize)`, &before)
	c.click("#larger")
	large := 0.0
	c.eval(`parseFloat(getComputedStyle(document.documentElement).fontSize)`, &large)
	if large < 1.4*before {
		t.Errorf("large print is %.1f beside %.1f", large, before)
	}
	c.shot("62-self-large")
	c.click("#language")
	c.sees("#main", "Available in your own account")
	r.reader.Remove()
	c.sees("#main", "Insert your own social security card")
	if text := c.text("body"); strings.Contains(text, "王*") || strings.Contains(text, "50.00") {
		t.Errorf("stays after the card has gone: %s", text)
	}
	incidents, err := r.ledger.Incidents(context.Background(), r.clock.Now().AddDate(0, 0, -1), 100)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, i := range incidents {
		seen[i.Kind+" "+i.POS] = true
	}
	if !seen["ACCOUNTS_VIEWED screen"] || !seen["STATEMENT_VIEWED screen"] {
		t.Errorf("the look is not remembered: %v", seen)
	}
	c.clean()
}

// TestSelfServiceNeedsItsToken: without one it asks; a wrong one is told so.
func TestSelfServiceNeedsItsToken(t *testing.T) {
	r := newCounter(t, rigOptions{})
	c := openAt(t, r.server.URL()+Prefix+"self/", "token=wrong", r.clock.Now())
	c.sees("#login", "令牌无效")
	c.do(focus("#login input"))
	c.press(r.kiosk + enter)
	c.sees("#main", "请插入您本人的社保卡")
}

// TestRefundOfAnySale: the lines of a sale that another till made come back by line, and no more than is still sold.
func TestRefundOfAnySale(t *testing.T) {
	r := newCounter(t, rigOptions{})
	r.reader.Insert(Patient.Card())
	receipt := sell(r.open(r.cashier, ""), "40")
	c := r.open(r.manager, "today")
	c.press(receipt + enter)
	c.sees("#today-one", "按商品退货")
	c.click("#sale-refund")
	c.sees("#sure-fields", "阿莫西林胶囊 × 2")
	c.press("1\t81000000000000000002" + enter)
	c.sees("#sure-told", "阿莫西林胶囊", "81000000000000000002")
	c.press(f9)
	c.sees("#today-one", "已退，票据")
	c.click("#sale-refund")
	c.sees("#sure-fields", "阿莫西林胶囊 × 1")
	c.press("2" + enter)
	c.sees("#sure-fault", "1")
	c.press(escape)
	c.click("#sale-slip")
	c.sees("#slip-text", "医保结算单")
	c.click("#slip-large")
	c.sees("#slip-text[data-large=true]", "医保结算单", "重打")
	c.shot("64-slip-large")
	c.clean()
}

// TestPrescriptionAndPacks: goods without codes, parts of a pack and prescription goods are sold at the counter page.
func TestPrescriptionAndPacks(t *testing.T) {
	r := newCounter(t, rigOptions{})
	r.reader.Insert(Patient.Card())
	c := r.open(r.cashier, "")
	c.sees("#card", "王*")
	entry := func(code, quantity, trace, pack, units string, rx bool) {
		c.t.Helper()
		fill := `(() => { const e = document.querySelector("#entry").elements; e.code.value = "` + code + `"; e.name.value = "` + code + `"; e.price.value = "5"; e.quantity.value = "` + quantity +
			`"; e.trace.value = "` + trace + `"; e.pack.value = "` + pack + `"; e.pack.dispatchEvent(new Event("change")); e.units.value = "` + units + `"; e.rx.checked = ` + strconv.FormatBool(rx) + `; return true; })()`
		c.eval(fill, new(bool))
		c.do(focus("#entry input[name=trace]"))
		c.press(enter)
	}
	entry("NOCODE", "3", "", "no_code", "", false)
	entry("PARTS", "0.5", "81000000000000000011", "split_pack", "", false)
	entry("TABLETS", "6", "81000000000000000013", "split_pack", "none", false)
	c.sees("#entry-fault", "每盒数量须大于 0")
	entry("TABLETS", "6", "81000000000000000013", "split_pack", "24", false)
	c.click("#edit-3")
	c.sees(".entry[data-parts=true] .f-units", "每盒数量")
	c.shot("67-units")
	c.do(focus("#entry input[name=trace]"))
	c.press(enter)
	c.sees("#lines", "每盒 24")
	entry("RXGOODS", "1", "81000000000000000012", "", "", true)
	c.sees("#lines", "无码商品", "拆零", "处方药")
	c.sees("#split", "处方药缺少处方")
	c.press(f3)
	c.sees("#presenter", "处方号")
	c.eval(`(() => { const e = document.querySelector("#presenter form").elements; e.rxNumber.value = "RX77"; e.rxDoctor.value = "欧阳明"; e.rxInstitution.value = "示例医院"; e.rxPatient.value = "`+Patient.IDNumber+`"; return true; })()`, new(bool))
	c.shot("65-prescription")
	c.click("#presenter button[type=submit]")
	c.sees("#who", "有处方")
	c.ready()
	c.shot("66-packs")
	c.press(f9)
	c.sees(".done-title", "结算成功")
	page, err := r.ledger.Records(context.Background(), settle.RecordQuery{})
	if err != nil || len(page.Records) != 1 {
		t.Fatalf("%+v %v", page, err)
	}
	sold := page.Records[0].Sale
	if l := sold.Lines; len(l) != 4 || !l[0].NoCode || !l[1].SplitPack || l[1].UnitsPerPack != "" || l[2].UnitsPerPack != "24" || !l[3].Rx || sold.Prescription.Number != "RX77" || sold.Prescription.Doctor != "欧阳明" {
		t.Errorf("sold %+v, %+v", sold.Lines, sold.Prescription)
	}
	c.clean()
}

// TestHealthShowsTheLine: limits and what is used of them, for a manager.
func TestHealthShowsTheLine(t *testing.T) {
	told := settle.UpstreamStanding{Configured: true, Offline: true, Authority: "cached", Feed: settle.FeedOn}
	told.AtRisk, told.Allowances, told.UnknownAmount = 1250, 8000, 900
	told.Outbox.Unsent, told.Outbox.UnsentAmount, told.Outbox.Unknown = 2, 3000, 1
	told.Limits.MaxTotal, told.Used.Total = settle.CapOf(10000), 2500
	r := newCounter(t, rigOptions{change: func(r *counterRig, o *localapi.Options) { o.Upstream = line{told} }})
	c := r.open(r.manager, "health")
	c.sees("#health-centre", "脱机风险额", "¥ 12.50", "2 笔，¥ 30.00", "1 笔，¥ 9.00", "中心担保额度", "¥ 80.00", "连不上医保中心")
	c.sees("#health-limits", "offline.max_total", "¥ 100.00", "¥ 25.00")
	c.shot("63-health-line")
	c.clean()
	c = r.open(r.cashier, "health")
	c.sees("#health-centre", "线路")
	if text := c.text("#page"); strings.Contains(text, "12.50") || strings.Contains(text, "offline.max_total") {
		t.Errorf("a cashier sees the standing: %s", text)
	}
}

// line is a way to the centre that tells how it stands.
type line struct{ told settle.UpstreamStanding }

// Upstream tells it.
func (l line) Upstream(context.Context) (settle.UpstreamStanding, error) { return l.told, nil }

// ReturnAllowances has nothing to give back.
func (line) ReturnAllowances(context.Context) error { return nil }
