package console

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/chromedp/chromedp"

	"gongji/cardreader"
	"gongji/daemon/localapi"
	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
	"gongji/settle/policy"
	"gongji/sync/feed"
)

// TestAccountsPage: the holder's accounts and bindings show while the card is in the reader and not a moment longer, and a
// request is sent only after its second step.
func TestAccountsPage(t *testing.T) {
	r := newCounter(t, rigOptions{})
	c := r.open(r.cashier, "accounts")
	c.sees("#accounts-list", "请先插入本人的社保卡")
	c.shot("20-accounts-empty")
	r.reader.Insert(Patient.Card())
	c.sees("#holder", "王*", "社会保障卡")
	c.sees("#accounts-list", "本人 王*", "¥ 50.00", "子女 李**", "不显示", "配偶 李**")
	c.sees("#bindings-list", "家人给我用", "子女 李**", "长期", "有效")
	c.sees("#requests-list", "没有等待答复的申请")
	if strings.Contains(c.text("#page"), "200.00") {
		t.Error("a cashier sees a relative's money")
	}
	c.shot("21-accounts")
	r.reader.Remove()
	c.sees("#accounts-list", "请先插入本人的社保卡")
	if strings.Contains(c.text("#page"), "李**") || strings.Contains(c.text("#page"), "50.00") {
		t.Error("the accounts stay after the card has gone")
	}
	c.clean()
}

// TestHouseholds: a network that the centre tells of shows with holder and members, to a member as to its holder; nothing shows
// where there is none.
func TestHouseholds(t *testing.T) {
	r := newCounter(t, rigOptions{})
	r.reader.Insert(Patient.Card())
	c := r.open(r.cashier, "accounts")
	c.sees("#bindings-list", "子女 李**")
	if c.count("#households table") != 0 {
		t.Error("networks where the centre tells of none")
	}
	news := Family(r.clock.Now())
	news.ID = "network"
	news.Bindings[1].Network, news.Bindings[1].AuthMethod = "W-7001", "face" // the husband's, in favour of the patient
	if err := r.ledger.ApplySnapshot(t.Context(), news); err != nil {
		t.Fatal(err)
	}
	r.reader.Swap(Patient.Card())
	c.sees("#households", "W-7001", settle.MaskName(Husband.Name), "持卡人是成员", "王*（配偶）")
	c.sees("#bindings-list", "绑定时核验：人脸")
	c.shot("73-households")
	r.reader.Remove()
	c.sees("#accounts-list", "请先插入本人的社保卡")
	if text := c.text("#page"); strings.Contains(text, "W-7001") {
		t.Errorf("the network stays after the card has gone: %s", text)
	}
	r.reader.Insert(Husband.Card())
	c.sees("#households", "W-7001", "持卡人即户主", "王*（配偶）")
	c.clean()
}

// TestBindingRequest: the cashier types, reads what will be sent, sends; the centre's answer shows by itself.
func TestBindingRequest(t *testing.T) {
	r := newCounter(t, rigOptions{})
	r.reader.Insert(Stranger.Card())
	c := r.open(r.cashier, "accounts")
	c.sees("#bindings-list", "没有共济绑定")
	c.click("#bind-new")
	c.sees("#sure", "让家人使用持卡人的个人账户")
	c.press("110105194912310021" + enter)
	c.sees("#sure-fault", "身份证号有误")
	c.eval(`(() => { const e = document.querySelector("#sure form").elements; e.number.value = "`+Patient.IDNumber+`"; e.name.value = "王芳"; e.relation.value = "sibling"; e.rank.value = "3"; e.limit.value = "60"; e.commitment.checked = true; return true; })()`, new(bool))
	c.press(enter)
	c.sees("#sure-told", "确认后将发送以下内容", "新增绑定", "赵*", "王芳 "+Patient.IDNumber, "王芳 是 赵* 的兄弟姐妹", "¥ 60.00", "医保中心审核")
	c.shot("22-bind-confirm")
	if n := r.requests(); n != 0 {
		t.Fatalf("%d requests before the second step", n)
	}
	c.press(f9)
	c.sees("#asked", "等待医保中心确认", "申请编号 B")
	c.sees("#requests-list", "新增绑定", "赵* → 王*", "顺位 3", "限额 ¥ 60.00", "等待确认")
	c.shot("23-bind-asked")
	if n := r.requests(); n != 1 {
		t.Fatalf("%d requests", n)
	}
	r.answer(settle.DispatchResult{RequestState: settle.RequestConfirmed, Binding: &settle.SnapshotBinding{
		ID: "B9", Giver: Stranger.PsnNo, Beneficiary: Patient.PsnNo, Relation: settle.Sibling, Rank: 3, BoundAt: 20260310, ValidFrom: 20260310,
		Limit: settle.CapOf(6000), LimitAll: true, Active: true,
	}})
	c.sees("#bindings-list", "我给家人用", "兄弟姐妹 王*", "已用 ¥ 0.00 / ¥ 60.00", "全部家人合计")
	c.click("#setLimit-B9")
	c.press("80" + enter)
	c.sees("#sure-told", "由 ¥ 60.00 改为 ¥ 80.00")
	c.press(f9)
	c.sees("#requests-list", "调整限额", "限额 ¥ 80.00")
	r.answer(settle.DispatchResult{RequestState: settle.RequestRefused, Fault: "额度超过上限"})
	c.sees("#requests-list", "没有等待答复的申请")
	c.click("#endIt-B9")
	c.press(enter)
	c.sees("#sure-told", "解除绑定", "其他")
	c.press(escape)
	if n := r.requests(); n != 0 {
		t.Errorf("%d requests after the window was closed", n)
	}
	c.clean()
}

// TestBindingRefused: the daemon's refusal shows in the policy's words before anything is sent, and the window stays with
// what was typed.
func TestBindingRefused(t *testing.T) {
	r := newCounter(t, rigOptions{})
	r.reader.Insert(Patient.Card())
	c := r.open(r.cashier, "accounts")
	c.click("#bind-new")
	c.eval(`(() => { const e = document.querySelector("#sure form").elements; e.number.value = "`+Patient.IDNumber+`"; e.name.value = "王芳"; return true; })()`, new(bool))
	c.press(enter)
	c.sees("#sure-fault .problem", "RULE_REFUSED")
	c.sees("#sure-fields", "家人身份证号")
	c.shot("24-bind-refused")
	if n := r.requests(); n != 0 {
		t.Errorf("%d requests", n)
	}
	c.clean()
}

// TestNoticeAndDigest: where the region wants a notice read and the preview's digest sent back, the page leads through both.
func TestNoticeAndDigest(t *testing.T) {
	rules := settle.DefaultRules()
	rules.Notices.Binding = settle.Notice{ID: "GD-GJ", Version: "1", Title: "家庭共济告知书", Required: true}
	rules.Confirm.Steps = []string{"bind", "unbind", "reorder", "limit", "premium_cancel"}
	r := newCounter(t, rigOptions{rules: rules})
	r.reader.Insert(Stranger.Card())
	c := r.open(r.cashier, "accounts")
	c.click("#bind-new")
	c.eval(`(() => { const e = document.querySelector("#sure form").elements; e.number.value = "`+Patient.IDNumber+`"; e.name.value = "王芳"; e.relation.value = "sibling"; e.commitment.checked = true; return true; })()`, new(bool))
	c.press(enter)
	c.sees("#sure-fault", "E_BINDING_NOTICE", "已向本人宣读《家庭共济告知书》")
	c.shot("28-notice")
	c.click("#sure-notice")
	c.sees("#sure-told", "新增绑定", "王芳")
	if n := r.requests(); n != 0 {
		t.Fatalf("%d requests before the second step", n)
	}
	c.press(f9)
	c.sees("#requests-list", "新增绑定", "等待确认")
	if n := r.requests(); n != 1 {
		t.Errorf("%d requests", n)
	}
	c.clean()
}

// TestPremiumPage: paid after the second step from the payer's account, found by its number, taken back.
func TestPremiumPage(t *testing.T) {
	rules := settle.DefaultRules()
	rules.Premium.AtCounter = true
	r := newCounter(t, rigOptions{rules: rules})
	family := Family(r.clock.Now())
	family.ID = "resident"
	family.People[0].Insurance = settle.InsuranceResident // the patient; an employee owes no resident's contribution
	if err := r.ledger.ApplySnapshot(t.Context(), family); err != nil {
		t.Fatal(err)
	}
	c := r.open(r.cashier, "premium")
	c.sees("#payer", "请插入付款人本人的社保卡")
	r.reader.Insert(Husband.Card())
	c.sees("#payer", "付款人：李**")
	c.do(focus("#premium-form input[name=number]"))
	c.press(Patient.IDNumber + "\t王芳\t\t")
	c.press("150" + enter)
	c.sees("#sure-told", "代缴居民医保个人缴费", "李**", "王芳 "+Patient.IDNumber, "¥ 150.00")
	c.shot("25-premium-confirm")
	c.press(f9)
	c.sees("#paid", "已为 王* 代缴 ¥ 150.00")
	c.sees("#premium-found", "已代缴", "李**", "¥ 150.00")
	c.shot("26-premium-paid")
	c.click("#premium-cancel")
	c.press("误操作" + enter)
	c.sees("#sure-told", "撤销代缴", "误操作", "¥ 150.00")
	c.press(f9)
	c.sees("#paid", "已撤销，¥ 150.00 退回原账户")
	c.sees("#premium-found", "已撤销")
	c.click("#premium-slip")
	c.sees("#slip-text", "代缴医保费凭据", "已撤销，作废", "150.00")
	c.press(escape)
	c.click("#premium-cancel-slip")
	c.sees("#slip-text", "示例大药房", "撤销", "150.00", "误操作")
	c.shot("72-cancel-slip")
	c.press(escape)
	c.eval(`(() => { const e = document.querySelector("#premium-form").elements; e.year.value = "2026"; e.number.value = "`+Patient.IDNumber+`"; e.name.value = "王芳"; e.amount.value = "20"; return true; })()`, new(bool))
	c.click("#premium-go")
	c.press(f9)
	c.sees("#sure-fault", "本年度已参加居民医保")
	c.press(escape)
	c.click("#premium-form input[name=due]")
	c.click("#premium-go")
	c.sees("#sure-told", "已核对确实未缴", "2026")
	c.press(f9)
	c.sees("#paid", "已为 王* 代缴 ¥ 20.00")
	c.clean()
}

// TestStatement: the holder's own use, only when it is asked for, and gone with the card.
func TestStatement(t *testing.T) {
	r := newCounter(t, rigOptions{})
	r.reader.Insert(Patient.Card())
	c := r.open(r.cashier, "")
	receipt := sell(c, "40")
	c.click("#go-accounts")
	c.sees("#statement", "每次查询都会留痕")
	c.click("#statement-show")
	c.sees("#statement", receipt, "阿莫西林胶囊", "¥ 80.00", "¥ 50.00")
	r.reader.Remove()
	c.sees("#statement", "每次查询都会留痕")
	c.clean()
}

// TestGuidance: the region's words with channels and how far to trust them, on their own page and beside what they are about.
func TestGuidance(t *testing.T) {
	set, err := policy.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	rules, err := set.For("430100", 20261122)
	if err != nil {
		t.Fatal(err)
	}
	r := newCounter(t, rigOptions{change: func(_ *counterRig, o *localapi.Options) { o.Guidance = rules.Guide }})
	c := r.open(r.cashier, "guide")
	guide := rules.Guide()
	for _, topic := range guide.Topics {
		c.sees("#guide-all", topic.Title)
	}
	c.shot("41-guide")
	c.click("#go-accounts")
	c.sees("#accounts-guide", "办理指引")
	c.shot("42-accounts-guide")
	c.click("#go-premium")
	c.sees("#premium-guide", "办理指引")
	c.shot("43-premium-guide")
	c.clean()
}

// TestHealthPage: every warning with cause and remedy, every reader with its state.
func TestHealthPage(t *testing.T) {
	r := newCounter(t, rigOptions{withID: true})
	c := r.open(r.cashier, "health")
	c.sees("#verdict", "一切正常")
	c.sees("#health-readers", "读卡器", "身份证阅读器", "空闲")
	r.health.set(true, localapi.Warning{Code: "STORE_FULL", Severity: "blocking", Title: "磁盘已满", Text: "不能结算。", Cause: "日志太多。", Remedy: "清理磁盘。"})
	r.reader.Unplug()
	r.server.PublishUpstream(localapi.UpstreamEvent{})
	c.sees("#verdict", "现在不能结算")
	c.sees("#health-warnings", "磁盘已满", "日志太多", "清理磁盘")
	c.sees("#health-readers", "断开")
	c.shot("27-health")
	c.clean()
}

// sell settles one line over the counter page, keys only, and gives the receipt number.
func sell(c *counter, price string) string {
	c.t.Helper()
	c.press(f2)
	c.do(focus("#entry input[name=code]"))
	c.press("XA01" + enter + "阿莫西林胶囊" + enter + enter + price + enter + "2" + enter + "81000000000000000001" + enter + "81000000000000000002" + enter)
	c.ready()
	c.press(f9)
	c.sees(".done-title", "结算成功")
	var receipt string
	c.eval(`document.querySelector(".done-head .muted").textContent.match(/票据号 (\S+)/)[1]`, &receipt)
	return receipt
}

// TestToday: what was settled here is listed and found by its numbers; its slip and its reasons show; a box comes back and
// then the whole rest.
func TestToday(t *testing.T) {
	r := newCounter(t, rigOptions{})
	r.reader.Insert(Patient.Card())
	c := r.open(r.cashier, "")
	receipt := sell(c, "40")
	c.shot("29-settled-menu")
	c.press(f10)
	c.sees("#slip-text", "医保结算单")
	c.press(escape)
	c.click("#go-today")
	c.sees("#today-list", receipt, "王*", "¥ 80.00")
	c.press(receipt + enter)
	c.sees("#today-one", "王*", "¥ 80.00", "本人账户", "¥ 50.00", "共济", "子女 李**", "¥ 30.00")
	c.shot("30-today")
	c.click("#sale-why")
	c.sees("#today-one", "当时应付", "本人 王*", "¥ 80.00", "子女 李**")
	c.click("#sale-slip")
	c.sees("#slip-text", "示例大药房", "医保结算单", "阿莫西林胶囊", "个人账户支付")
	c.shot("31-slip")
	c.press(escape)
	c.click("#sale-refund")
	c.press("3" + enter)
	c.sees("#sure-fault", "不超过 2")
	c.press("\b1\t81000000000000000001" + enter)
	c.sees("#sure-told", "阿莫西林胶囊", "退回数量 1", "81000000000000000001")
	c.shot("32-refund-confirm")
	c.press(f9)
	c.sees("#today-one", "已退，票据", "退现金 ¥ 0.00", "退回账户 ¥ 40.00", "部分退货")
	c.click("#outcome-slip")
	c.sees("#slip-text", "阿莫西林胶囊", "40.00", "退")
	c.press(escape)
	c.click("#sale-reverse")
	c.press(enter)
	c.sees("#sure-told", "整单撤销", "须插入患者本人的社保卡")
	c.press(escape)
	c.click("#today-search")
	c.press("nothing-like-it" + enter)
	c.sees("#today-one .problem", "NOT_FOUND")
	c.clean()
}

// TestReversal: the whole sale goes back after the second step.
func TestReversal(t *testing.T) {
	r := newCounter(t, rigOptions{})
	r.reader.Insert(Patient.Card())
	c := r.open(r.cashier, "")
	receipt := sell(c, "10")
	c.click("#go-today")
	c.press(receipt + enter)
	c.click("#sale-reverse")
	c.press("患者改变主意" + enter)
	c.sees("#sure-told", "患者改变主意", "¥ 20.00")
	c.press(f9)
	c.sees("#today-one", "退回账户 ¥ 20.00", "已撤销")
	c.click("#outcome-slip")
	c.sees("#slip-text", "撤销", "20.00")
	c.press(escape)
	if c.count("#sale-reverse") != 0 || c.count("#sale-refund") != 0 {
		t.Error("a reversed sale can be taken back again")
	}
	c.clean()
}

// TestAttentionPage: a manager's page only; an item leaves the list with a note.
func TestAttentionPage(t *testing.T) {
	r := newCounter(t, rigOptions{})
	r.reader.Insert(Husband.Card())
	cashier := r.open(r.cashier, "accounts")
	if cashier.count("#go-attention") != 0 || cashier.count("#go-imports") != 0 {
		t.Error("a cashier is offered a manager's pages")
	}
	cashier.click("#endIt-B2")
	cashier.press(enter)
	cashier.sees("#sure-told", "解除绑定")
	cashier.press(f9)
	cashier.sees("#requests-list", "解除绑定")
	r.answer(settle.DispatchResult{RequestState: settle.RequestRefused, ReportState: settle.ReportRefused, Fault: "账户已锁定"})
	c := r.open(r.manager, "attention")
	c.sees("#go-attention", "待办", "1")
	c.shot("33-attention")
	c.sees("#attention-list", "绑定申请")
	c.click("#attention-list .row-tools button")
	c.click("#sure-go")
	c.sees("#sure-fault", "请写明如何处理")
	c.do(focus("#sure textarea"))
	c.press("已电话核对，患者改日再办。")
	c.click("#sure-go")
	c.sees("#sure-told", "已电话核对", "不动账")
	c.press(f9)
	c.sees("#attention-list", "没有待办事项")
	c.clean()
	cashier.clean()
}

// TestImportPage: a signed file is looked at, then applied; a file with a wrong signature is refused.
func TestImportPage(t *testing.T) {
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r := newCounter(t, rigOptions{change: func(r *counterRig, o *localapi.Options) {
		o.Importer, err = feed.NewImporter(feed.ImporterOptions{Trusted: []string{public.String()}, Store: r.ledger, Clock: r.clock.Now, Logger: o.Logger})
		if err != nil {
			t.Fatal(err)
		}
	}})
	s := Family(r.clock.Now().Add(time.Minute))
	s.ID, s.Full, s.Accounts[0].Balance = "S-1", false, 7700
	s.People = append(s.People, Newcomer.Person())
	content, err := feed.EncodeSnapshot(s)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, signature := filepath.Join(dir, "facts.json"), filepath.Join(dir, "facts.json.minisig")
	for path, data := range map[string][]byte{file: content, signature: minisign.Sign(private, content)} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := r.open(r.manager, "imports")
	c.click("#import-look")
	c.sees("#import-fault", "请同时选择")
	c.do(upload("#import-file", file), upload("#import-signature", file))
	c.click("#import-look")
	c.sees("#import-preview .problem", "BAD_REQUEST")
	c.do(upload("#import-signature", signature))
	c.click("#import-look")
	c.sees("#import-state", "尚未写入")
	c.sees("#import-preview", "S-1", "增量", "人员", "账户", "示例")
	c.shot("34-import")
	known := func() error {
		_, err := r.ledger.Person(context.Background(), r.ledger.PersonID(Newcomer.PsnNo))
		return err
	}
	if known() == nil {
		t.Error("the preview has written")
	}
	c.click("#import-apply")
	c.sees("#sure-told", "S-1", "新增")
	c.press(f9)
	c.sees("#import-state", "文件已导入")
	if err := known(); err != nil {
		t.Error(err)
	}
	c.clean()
}

// upload chooses a file in an input.
func upload(selector, path string) chromedp.Action[chromedp.Void] {
	return chromedp.SetUploadFiles(chromedp.CSS(selector), []string{path})
}

// TestProxyPurchase: the agent's identity card on the ID reader is held against what the cashier typed.
func TestProxyPurchase(t *testing.T) {
	r := newCounter(t, rigOptions{withID: true})
	r.reader.Insert(Patient.Card())
	c := r.open(r.cashier, "")
	c.sees("#card", "王*")
	c.do(focus("#entry input[name=code]"))
	c.press(f3)
	c.sees("#presenter", "谁来买")
	c.eval(`(() => { const e = document.querySelector("#presenter form").elements; e.who.value = "proxy"; e.who.dispatchEvent(new Event("change")); return true; })()`, new(bool))
	c.do(focus("#presenter input[name=number]"))
	c.press(Newcomer.IDNumber + "\t钱七")
	c.press(enter)
	c.sees("#presenter-fault", "请先把代购人的身份证放在身份证阅读器上")
	r.id.Insert(cardreader.Credential{Kind: cardreader.CardIdentity, IDNumber: Newcomer.IDNumber, Name: Newcomer.Name, ReadAt: time.Now()})
	c.sees("#presenter-reader", "钱*")
	c.click("#presenter input[name=principal]")
	c.click("#presenter input[name=agent]")
	c.shot("35-proxy")
	c.click("#presenter button[type=submit]")
	c.sees("#who", "代购人 钱七")
	c.press("XA01" + enter + "阿莫西林胶囊" + enter + enter + "10" + enter + "1" + enter + "81000000000000000009" + enter) // the focus is back where it was
	c.ready()
	c.press(f9)
	c.sees(".done-title", "结算成功")
	c.clean()
}

// TestScannerOnly: a shop without a card reader is told to scan the patient's 医保码, and what to do when the scanner is gone.
func TestScannerOnly(t *testing.T) {
	r := newCounter(t, rigOptions{scannerOnly: true})
	c := r.open(r.cashier, "")
	c.sees("#card .card-title", "请扫患者的医保码")
	c.sees("#split", "扫患者的医保码后自动试算")
	c.sees("#chips", "扫码枪 正常")
	c.shot("36-scanner-only")
	r.reader.Unplug()
	c.sees("#card .card-title", "读卡器没有连接")
	c.clean()
}

// desk is a reconciler with two days at hand: one that agrees, and one with a row that the centre alone has.
type desk struct {
	localapi.Reconciler
	asked  []settle.Date
	closed int
}

func (d *desk) Days(context.Context, settle.Date, settle.Date) ([]settle.DayView, []settle.ClosedMonth, error) {
	group := settle.ReconciledGroup{Result: "0"}
	group.Insurance, group.ClrType, group.Office, group.Count, group.Total = "310", "41", "430100", 3, 12000
	agreed := settle.DayView{State: settle.DayAgreed, Known: true, Outcome: settle.Reconciliation{Day: 20260309, At: time.Now(), Groups: []settle.ReconciledGroup{group}}}
	differing := settle.DayView{State: settle.DayDiffering, Known: true, Resolutions: []settle.Resolution{{Attention: 7}}, Outcome: settle.Reconciliation{
		Day: 20260310, At: time.Now(), Groups: []settle.ReconciledGroup{group},
		Differences: []settle.ReconcileDifference{{Kind: settle.CentreOnly, SetlID: "SETL-1", Advice: "请核对后撤销中心的这笔结算。", Centre: settle.SideAmounts{Total: 4500}}},
	}}
	var months []settle.ClosedMonth
	if d.closed != 0 {
		months = append(months, settle.ClosedMonth{Month: d.closed, At: time.Now(), By: settle.Operator{ID: "1001"}})
	}
	return []settle.DayView{agreed, differing}, months, nil
}

func (d *desk) Reconcile(ctx context.Context, day settle.Date) (settle.DayView, error) {
	d.asked = append(d.asked, day)
	days, _, err := d.Days(ctx, day, day)
	return days[1], err
}

func (d *desk) CloseMonth(_ context.Context, month int, by settle.Operator) (settle.ClosedMonth, error) {
	d.closed = month
	return settle.ClosedMonth{Month: month, At: time.Now(), By: by}, nil
}

// TestReconcilePage: days with their state, a day held against the centre again, its rows, and closing the month.
func TestReconcilePage(t *testing.T) {
	book := &desk{}
	r := newCounter(t, rigOptions{change: func(_ *counterRig, o *localapi.Options) { o.Reconciler = book }})
	c := r.open(r.manager, "reconcile")
	c.sees("#reconcile-days", "2026-03-09", "已对平", "2026-03-10", "不一致")
	c.click("#reconcile-2026-03-10")
	c.sees("#reconcile-one", "职工医保", "¥ 120.00", "仅中心有", "SETL-1", "¥ 45.00", "请核对后撤销", "待办 7")
	c.shot("38-reconcile")
	if len(book.asked) != 1 || book.asked[0] != 20260310 {
		t.Errorf("asked %v", book.asked)
	}
	c.click("#month-close")
	c.sees("#sure-told", "月结", "1001")
	c.press(f9)
	c.sees("#month-state", "已月结")
	c.clean()
}

// setDates chooses the days of a page's form.
func setDates(c *counter, page, from, to string) {
	c.t.Helper()
	c.eval(fmt.Sprintf(`(() => { for (const [id, v] of [["from", %q], ["to", %q]]) { const e = document.querySelector("#%s-" + id); if (!e) continue; e.value = v; e.dispatchEvent(new Event("change", { bubbles: true })); } return true; })()`, from, to, page), new(bool))
}

// TestRecordsAndReports: a sale is found by its patient's whole name and not by a part of it, its details open, the figures add
// up in the report, and both come as files.
func TestRecordsAndReports(t *testing.T) {
	r := newCounter(t, rigOptions{})
	r.reader.Insert(Patient.Card())
	c := r.open(r.manager, "")
	receipt := sell(c, "40")
	c.eval(`(() => { window.saved = []; const make = URL.createObjectURL.bind(URL); URL.createObjectURL = (b) => { window.saved.push(b); return make(b); }; return true; })()`, new(bool))
	c.click("#go-records")
	setDates(c, "records", "2026-03-10", "2026-03-10")
	c.do(focus("#records-form input[name=name]"))
	c.press("王" + enter)
	c.sees("#records-list", "没有符合条件的记录", "姓名须填写全名")
	c.press("芳" + enter)
	c.sees("#records-list", "王*", "阿莫西林胶囊×2", receipt, "¥ 80.00", "¥ 50.00", "¥ 30.00", "上报中")
	c.sees("#records-count", "1 条")
	c.click("#records-list .row-tools button")
	c.sees("#records-one", receipt, "子女 李**", "整单撤销")
	c.shot("36-records")
	c.click("#records-csv")
	c.sees("#file-records", "已导出 records-")
	var text string
	c.eval(`window.saved[0].text()`, &text)
	if !strings.Contains(text, receipt) || strings.Contains(text, Patient.IDNumber) {
		t.Errorf("exported %s", text)
	}
	c.click("#go-reports")
	setDates(c, "reports", "2026-03-01", "2026-03-31")
	c.sees("#reports-body", "合计", "¥ 80.00", "2026-03-10", "¥ 50.00", "¥ 30.00")
	if n := c.count("#reports-body svg rect"); n != 2 {
		t.Errorf("the chart has %d bars", n)
	}
	c.shot("37-reports")
	c.click("#report-csv")
	c.sees("#file-report", "已导出 report-")
	c.clean()
}

// goods is a line of the sales that tests make beside the page.
func goods(id, code string) session.SettleRequest {
	return session.SettleRequest{SaleRequest: session.SaleRequest{
		SaleID: id, Terminal: "counter-1", Operator: session.OperatorRequest{ID: "1001"}, MedType: "41",
		Lines: []session.LineRequest{{ID: "1", Code: code, Name: "阿莫西林胶囊", Class: "drug_a", Quantity: "1", UnitPrice: "5.00", Total: "5.00", TraceCodes: []string{"8100000000000000" + id}}},
	}}
}

// settleBeside settles two bills with the same goods, as another till would.
func (r *counterRig) settleBeside() {
	r.t.Helper()
	till := client.New(r.server.URL(), r.cashier)
	defer till.Close()
	for _, id := range []string{"2001", "2002"} {
		if _, _, err := till.Settle(context.Background(), goods(id, "XA07")); err != nil {
			r.t.Fatal(err)
		}
	}
}

// TestRepeatsAndAudit: a manager sees who bought the same goods twice in a day, and who did what.
func TestRepeatsAndAudit(t *testing.T) {
	r := newCounter(t, rigOptions{})
	r.reader.Insert(Patient.Card())
	r.settleBeside()
	c := r.open(r.manager, "reports")
	setDates(c, "reports", "2026-03-01", "2026-03-31")
	c.sees("#reports-repeats", "2026-03-10", "王*", "XA07", "¥ 10.00", "不说明有问题")
	c.shot("70-repeats")
	c.click("#report-csv") // leaves a trace
	c.sees("#file-report", "已导出 report-")
	r.reader.Swap(Stranger.Card())
	other := goods("2003", "XA07")
	other.Patient.IDNumber = Patient.IDNumber
	till := client.New(r.server.URL(), r.cashier)
	defer till.Close()
	if _, _, err := till.Settle(t.Context(), other); client.CodeOf(err) != settle.PersonCardMismatch {
		t.Fatalf("a stranger's card: %v", err)
	}
	c.click("#go-audit")
	c.eval(`(() => { const e = document.querySelector("#audit-from"); e.value = "2026-03-10"; return true; })()`, new(bool))
	c.click("#audit-find")
	c.sees("#audit-list", "导出", "office", "人卡不一致", "till · counter")
	c.shot("71-audit")
	c.eval(`(() => { const e = document.querySelector("#audit-group"); e.value = "refusals"; e.dispatchEvent(new Event("change")); return true; })()`, new(bool))
	c.sees("#audit-list", "人卡不一致")
	if text := c.text("#audit-list"); strings.Contains(text, "导出") || strings.Contains(text, Patient.IDNumber) || strings.Contains(text, "card_hash") {
		t.Errorf("the list of refusals shows %s", text)
	}
	c.clean()
}

// TestEnglishIsWhole: on pages with something on them, English leaves no Chinese but what is a name: of people, of goods, of the
// shop, and what the centre or the region said itself.
func TestEnglishIsWhole(t *testing.T) {
	told := settle.UpstreamStanding{Authority: "cached", Feed: settle.FeedNone} // no centre is configured
	told.Limits.MaxTotal, told.Limits.MaxAge, told.Allowances = settle.CapOf(10000), 72*time.Hour, 500
	rules := settle.DefaultRules()
	rules.Premium.AtCounter = true
	r := newCounter(t, rigOptions{rules: rules, change: func(_ *counterRig, o *localapi.Options) { o.Upstream, o.Reconciler = line{told}, &desk{} }})
	r.health.set(false, localapi.Warning{Code: "CENTRE_OFFLINE", Severity: "warning", Title: "正在脱机结算", Text: "无", English: localapi.WarningTexts{Title: "Offline", Text: "Settling offline."}})
	r.reader.Insert(Patient.Card())
	r.settleBeside()
	r.reader.Swap(Husband.Card())
	c := r.open(r.manager, "accounts")
	c.click("#endIt-B2")
	c.press(enter)
	c.sees("#sure[data-step=told] #sure-told", "解除绑定")
	c.press(f9)
	c.sees("#requests-list", "解除绑定")
	r.answer(settle.DispatchResult{RequestState: settle.RequestRefused, ReportState: settle.ReportRefused, Fault: "locked"})
	c.click("#endIt-B2")
	c.press(enter)
	c.sees("#sure[data-step=told] #sure-told", "解除绑定")
	c.press(f9)
	c.sees("#requests-list", "解除绑定")
	c.click("#language")
	c.sees("#page-title", "Family")
	english := func(page string) {
		t.Helper()
		var left []string
		c.eval(`(() => {
			const name = /[王李][*芳敏]+|阿莫西林胶囊(×\d+)?|示例大药房|中文|请核对后撤销中心的这笔结算。/g, left = [];
			const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
			while (walk.nextNode()) {
				const e = walk.currentNode.parentElement;
				if (!e.checkVisibility() || ["SCRIPT", "NOSCRIPT"].includes(e.tagName)) continue;
				if (/\p{Script=Han}/u.test(walk.currentNode.data.replace(name, ""))) left.push(walk.currentNode.data);
			}
			for (const e of document.querySelectorAll("[placeholder], [aria-label], [title]")) for (const a of ["placeholder", "aria-label", "title"])
				if (e.checkVisibility() && /\p{Script=Han}/u.test((e.getAttribute(a) || "").replace(name, ""))) left.push(a + " " + e.getAttribute(a));
			return left;
		})()`, &left)
		if len(left) > 0 {
			t.Errorf("%s in English still says %q", page, left)
		}
		c.shot("80-" + page)
	}
	c.sees("#requests-list", "End of a binding", "pending")
	english("giver")
	r.reader.Swap(Patient.Card())
	c.sees("#bindings-list", "receives")
	c.click("#statement-show")
	c.sees("#statement", "Own bill")
	c.click("#history-show")
	c.sees("#history", "Nothing has changed")
	english("accounts")
	c.click("#go-today")
	c.press("2001" + enter)
	c.sees("#today-one", "Own account")
	c.click("#sale-why")
	c.sees("#today-one", "To pay")
	english("today")
	c.click("#go-records")
	setDates(c, "records", "2026-03-10", "2026-03-10")
	c.do(focus("#records-form input[name=name]"))
	c.press("王芳" + enter)
	c.sees("#records-list", "A name is found whole only")
	english("records")
	c.click("#go-reports")
	setDates(c, "reports", "2026-03-01", "2026-03-31")
	c.sees("#reports-repeats", "XA07")
	english("reports")
	c.click("#go-reconcile")
	c.sees("#reconcile-days", "Differs from the centre")
	c.click("#day-2026-03-10")
	c.sees("#reconcile-one", "centre only")
	english("reconcile")
	c.click("#go-attention")
	c.sees("#attention-list", "The centre refused the report")
	english("attention")
	c.click("#go-audit")
	setDates(c, "audit", "2026-03-10", "")
	c.click("#audit-find")
	c.sees("#audit-list", "manager's change", "statement looked at")
	english("audit")
	for _, page := range []string{"premium", "imports", "guide"} {
		c.click("#go-" + page)
		c.sees("#page-title")
		english(page)
	}
	c.click("#go-health")
	c.sees("#health-centre", "no centre is configured", "¥ 5.00", "Give the guarantee back")
	c.sees("#health-limits", "How old the facts may be", "72 h", "¥ 100.00")
	english("health")
	c.clean()
}

// TestKeysAndMenu: the menu by keys alone, and the way back.
func TestKeysAndMenu(t *testing.T) {
	r := newCounter(t, rigOptions{})
	c := r.open(r.manager, "")
	c.press(f6)
	c.press(arrowDown + enter)
	c.sees("#page-title", "今日")
	c.press(escape)
	var shown bool
	c.eval(`!document.querySelector("#counter").hidden && document.activeElement.name === "code"`, &shown)
	if !shown {
		t.Error("Escape does not lead back to the counter's entry")
	}
	c.clean()
}

// TestPagesFit: with the menu, at both screens and in both languages, no page is wider than the screen, every control has
// a name, and every page has one heading.
func TestPagesFit(t *testing.T) {
	r := newCounter(t, rigOptions{withID: true})
	r.reader.Insert(Patient.Card())
	c := r.open(r.manager, "")
	var pages []string
	c.eval(`[...document.querySelectorAll("#menu button")].map((b) => b.id)`, &pages)
	if len(pages) < 7 {
		t.Fatalf("pages %v", pages)
	}
	for _, language := range []string{"zh", "en"} {
		for _, page := range pages {
			c.click("#" + page)
			for _, size := range [][2]int64{{1366, 768}, {1920, 1080}, {1280, 720}, {800, 600}} {
				c.do(resize(size[0], size[1]))
				var wrong []string
				c.eval(`[...[...document.querySelectorAll("header, main, .panel, .menu, .menu-entry, .bar, .actions")]
					.filter((e) => { const r = e.getBoundingClientRect(); return r.width > 0 && (r.right > innerWidth + 1 || e.scrollWidth > e.clientWidth + 2 && getComputedStyle(e).overflowX === "visible"); })
					.map((e) => "wide " + (e.id || e.className)),
					...[...document.querySelectorAll("button, input, select, textarea")].filter((e) => e.offsetParent && !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length))
					.map((e) => "no name " + (e.id || e.name)),
					...[...document.querySelectorAll("dialog")].filter((e) => !document.getElementById(e.getAttribute("aria-labelledby"))).map((e) => "no name " + e.id),
					...(document.documentElement.scrollWidth > innerWidth + 1 || document.documentElement.scrollHeight > innerHeight + 1 ? ["the document scrolls"] : [])]`, &wrong)
				if len(wrong) > 0 {
					t.Errorf("%s %s %v: %v", page, language, size, wrong)
				}
			}
			c.shot(fmt.Sprintf("40-%s-%s", page, language))
		}
		c.click("#language")
	}
	c.clean()
}
