package console

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"gongji/settle"
)

const withToken = "token=" + testToken

// TestWholeSale is a sale as a cashier works it, from the card to the centre's answer and a box that comes back.
func TestWholeSale(t *testing.T) {
	f := newTill(t)
	c := open(t, f, withToken)
	c.sees("#card .card-title", "请插入患者本人的社保卡")
	c.sees("#chips", "本机服务 正常", "读卡器 正常", "医保中心 在线")
	c.shot("1-empty")
	c.click("#demo-wang")
	c.sees("#card .card-title", "王*", "社会保障卡")
	c.click("#sample")
	c.sees("#total", "¥ 206.30")
	c.ready()
	c.sees(".skipped", "配偶 陈**", "患者没有要求使用共济账户", "K_NOT_ASKED")
	c.sees(".settle-cash", "收现金 ¥ 106.40")
	c.shot("2-quoted-own")
	c.press(f7)
	c.sees(".parts", "统筹基金", "¥ 69.90", "本人账户", "¥ 30.00", "共济", "子女 陈*", "¥ 45.00", "配偶 陈**", "¥ 3.40", "现金", "¥ 58.00")
	c.sees(".skipped", "父母 周*", "共济人账户状态不正常")
	c.ready()
	if n := c.count(".bar .seg"); n != 5 {
		t.Errorf("the bar has %d parts", n)
	}
	c.shot("3-quoted-shared")
	c.press(f9)
	c.sees(".done-title", "结算成功")
	c.sees("#cash", "¥ 58.00")
	c.sees("#report", "上报中")
	c.sees(".done-head", "P43010000001-20261122-000007")
	f.accept()
	c.sees("#report", "中心已入账")
	c.shot("4-settled")
	if ids := f.settled(); len(ids) != 1 || !strings.HasPrefix(ids[0], "S20") {
		t.Errorf("settled %v", ids)
	}

	c.click("#refund-1")
	c.sees("#refund-line", "阿莫西林胶囊")
	c.shot("5-refund")
	c.press("3") // in place of the selected quantity
	c.press(enter)
	c.sees("#refund-fault", "不超过 2")
	c.press("\b1") // the quantity that was refused goes, another comes
	var traces string
	c.eval(`document.querySelector("#refund input[name=trace]").value`, &traces)
	if traces != "" {
		t.Errorf("one of two boxes comes back with the trace codes %q", traces)
	}
	c.press("\t81000000000000000001")
	c.press(enter)
	c.sees(".returned", "退货完成", "退现金 ¥ 0.00", "退回账户 ¥ 3.75")
	c.sees("#lines", "已退 1")
	c.sees("#state", "部分退货")
	c.shot("6-refunded")
	c.press(f2)
	c.sees("#lines", "还没有商品")
	c.clean()
}

// TestKeyboardAlone sells two boxes without a mouse; the scanner's Enter waits for the second trace code.
func TestKeyboardAlone(t *testing.T) {
	f := newTill(t)
	c := open(t, f, withToken)
	if err := f.Insert("wang"); err != nil {
		t.Fatal(err)
	}
	c.sees("#card .card-title", "王*")
	c.press("XA01ABD075A002010100483" + enter + "阿莫西林胶囊" + enter + enter + "12.345" + enter + "2" + enter + "81000000000000000001" + enter)
	if n := c.count("#lines tbody tr"); n != 0 {
		t.Fatalf("%d lines after the first of two trace codes", n)
	}
	c.press("81000000000000000002" + enter)
	c.sees("#lines tbody", "阿莫西林胶囊", "甲类药", "2 个追溯码", "24.69")
	c.press("A1" + enter + "B" + enter + enter + "1" + enter + enter + "81000000000000000002" + enter)
	c.sees("#entry-fault", "追溯码重复")
	c.press(f2)
	c.sees("#confirm-title", "放弃这张账单")
	c.press(escape)
	c.ready()
	c.press(f9)
	c.sees(".done-title", "结算成功")
	c.clean()
}

// TestTypedAhead: whoever types on right after F2 loses nothing, also where the page is slow; the focus never moves in the middle
// of a word.
func TestTypedAhead(t *testing.T) {
	f := newTill(t)
	c := open(t, f, withToken)
	c.sees("#chips", "读卡器 正常")
	c.do(focus("#patient-name"))
	var got [2]string
	c.eval(`(async () => {
		dispatchEvent(new KeyboardEvent("keydown", { key: "F2" }));
		await null; // the page's own microtasks, and nothing that could be a key
		const there = document.activeElement.name;
		document.getElementById("patient-name").focus();
		await new Promise((later) => setTimeout(later, 50));
		return [there, document.activeElement.id];
	})()`, &got)
	if got != [2]string{"code", "patient-name"} {
		t.Errorf("after F2 the focus is on %q, and a moment after it was moved on %q", got[0], got[1])
	}
	c.clean()
}

// TestTypedVoucher: a 医保码 that a keyboard scanner types into the page is taken out again and is in no bill; the packs that were
// scanned before stay.
func TestTypedVoucher(t *testing.T) {
	f := newTill(t)
	c := open(t, f, withToken)
	c.sees("#chips", "读卡器 正常")
	const code = "4240000000000000001243000012"
	for _, field := range []string{"#entry input[name=trace]", "#entry input[name=code]", "#patient-name"} {
		c.do(focus(field))
		c.press(code + enter)
		var left string
		c.eval(fmt.Sprintf(`document.querySelector(%q).value`, field), &left)
		if left != "" {
			t.Errorf("%s keeps %q", field, left)
		}
	}
	c.sees("#entry-fault", "扫到的是医保码")
	c.sees("#patient-fault", "扫到的是医保码")
	c.do(focus("#entry input[name=code]"))
	c.press("XA01" + enter + "阿莫西林胶囊" + enter + enter + "10" + enter + "2" + enter + "81000000000000000001" + enter + code + enter)
	c.sees("#entry-fault", "扫到的是医保码")
	c.press(" 81000000000000000002" + enter)
	c.sees("#lines tbody", "2 个追溯码", "20.00")
	c.clean()
}

// TestTwoTills: where there are two, the page works at the one that is chosen, under the cashier who is named.
func TestTwoTills(t *testing.T) {
	f := newTill(t)
	f.set(func() { f.second = true })
	if err := f.Insert("wang"); err != nil {
		t.Fatal(err)
	}
	c := open(t, f, withToken)
	c.sees("#card .card-title", "王*")
	c.do(focus("#terminal"))
	c.press(kb.ArrowDown)
	c.sees("#card .card-title", "请插入患者本人的社保卡")
	c.press(kb.ArrowUp)
	c.sees("#card .card-title", "王*")
	c.click("#operator")
	c.press("2002\t张敏" + enter)
	c.sees("#operator", "收银员 张敏")
	c.click("#sample")
	c.ready()
	c.press(f9)
	c.sees(".done-title", "结算成功")
	f.set(func() {
		for _, b := range f.booked {
			if !strings.Contains(b.body, `"operator":{"id":"2002","name":"张敏"}`) || !strings.Contains(b.body, `"terminal":"counter-1"`) {
				t.Errorf("sent %s", b.body)
			}
		}
	})
	c.clean()
}

// TestRefusals shows each in the words that a cashier reads, with what to do and the code.
func TestRefusals(t *testing.T) {
	f := newTill(t)
	c := open(t, f, withToken)
	c.sees("#chips", "读卡器 正常")
	c.click("#demo-stranger")
	c.sees("#card .card-title", "赵*")
	c.click("#sample")
	c.sees(".problem", "本机没有此人的账户资料", "怎么办", "PERSON_UNKNOWN")
	if c.count("#settle:enabled") != 0 {
		t.Error("a refused bill can be settled")
	}
	c.click("#demo-wang")
	c.ready()
	c.do(focus("#patient-name"))
	c.press("李雷" + enter + "\t")
	c.sees(".problem-title", "人卡不一致")
	c.sees(".problem", "家人的钱可以共济，家人的卡不能代用", "PERSON_CARD_MISMATCH")
	c.shot("7-mismatch")
	c.do(focus("#patient-number"))
	c.press("110105194912310021")
	c.sees("#patient-fault", "身份证号有误")
	c.press(f2)
	c.press(enter)
	c.sees("#lines", "还没有商品")

	f.set(func() {
		f.refuse = func(path string) *settle.Error {
			if path == "/v1/settlements" {
				return settle.NewError(settle.OfflineLimit, nil).With("limit", "offline.max_sale").With("used", "0.00").With("asked", "604.20").With("allowed", "500.00")
			}
			return nil
		}
	})
	c.click("#sample")
	c.ready()
	c.press(f9)
	c.sees(".problem", "已达到脱机结算限额", "offline.max_sale", "500.00", "OFFLINE_LIMIT")
	f.set(func() { f.refuse = func(string) *settle.Error { return settle.Refused(settle.ETraceMissing) } })
	c.press(f8)
	c.sees(".problem", "有药品没有追溯码", "E_TRACE_MISSING")
	if n := len(f.settled()); n != 0 {
		t.Errorf("%d settlements", n)
	}
	c.clean()
}

// TestPulledCard: before settling the split goes; while settling the refusal says that nothing was taken.
func TestPulledCard(t *testing.T) {
	f := newTill(t)
	c := open(t, f, withToken)
	c.sees("#chips", "读卡器 正常")
	c.click("#demo-wang")
	c.click("#sample")
	c.ready()
	c.click("#demo-remove")
	c.sees("#card .card-title", "卡已拔出")
	c.sees("#split", "插卡后自动试算")
	if c.count("#settle:enabled") != 0 {
		t.Error("a bill without a card can be settled")
	}
	c.press(f9)
	c.shot("8-pulled")
	c.click("#demo-wang")
	c.ready()
	hold := make(chan struct{})
	f.set(func() { f.hold = hold })
	c.press(f9)
	c.sees(".settle", "正在结算，请勿拔卡")
	if err := f.Remove(); err != nil {
		t.Fatal(err)
	}
	f.set(func() {
		f.hold = nil
		f.refuse = func(string) *settle.Error { return settle.NewError(settle.CardRemoved, nil) }
	})
	close(hold)
	c.sees(".problem", "结算前卡被拔出或换了卡，没有扣款", "CARD_REMOVED")
	c.sees("#lines", "阿莫西林胶囊")
	f.set(func() { f.refuse = nil })
	c.click("#demo-unplug")
	c.sees("#card .card-title", "读卡器没有连接")
	c.sees("#chips", "读卡器 断开")
	c.shot("9-unplugged")
	c.click("#demo-replug")
	c.click("#demo-wang")
	c.ready()
	if n := len(f.settled()); n != 0 {
		t.Errorf("%d settlements", n)
	}
	c.clean()
}

// TestServerRestarts: the page keeps the bill, finds the daemon again, and catches up with a card that came meanwhile.
func TestServerRestarts(t *testing.T) {
	f := newTill(t)
	c := open(t, f, withToken)
	c.sees("#chips", "读卡器 正常")
	c.click("#sample")
	c.sees("#split", "插卡后自动试算")
	f.stop()
	c.sees("#card .card-title", "正在重新连接本机服务")
	c.sees("#chips", "重连中")
	c.shot("10-reconnecting")
	f.start(t, f.addr)
	if err := f.Insert("wang"); err != nil { // no page hears this event
		t.Fatal(err)
	}
	c.sees("#card .card-title", "王*")
	c.ready()
	c.press(f9)
	c.sees(".done-title", "结算成功")
	c.clean()
}

// TestLostAnswer: the daemon settles and the answer is lost. The page says so, finds out, and never settles twice.
func TestLostAnswer(t *testing.T) {
	f := newTill(t)
	c := open(t, f, withToken)
	c.sees("#chips", "读卡器 正常")
	c.click("#demo-wang")
	c.click("#sample")
	c.ready()
	f.set(func() { f.lose = true })
	c.press(f9)
	c.sees(".waiting-title", "请勿重复收款")
	c.press(f2) // a bill whose outcome is open cannot be left
	c.shot("11-unknown")
	c.sees(".done-title", "结算成功")
	if n := len(f.settled()); n != 1 {
		t.Errorf("%d settlements", n)
	}
	if n := f.calls("POST /v1/settlements"); n != 1 {
		t.Errorf("asked %d times to settle", n)
	}
	c.clean()
}

// TestLostRequest: the connection breaks before the daemon settles. The page finds out that nothing was done, and the
// next attempt carries the same sale_id.
func TestLostRequest(t *testing.T) {
	f := newTill(t)
	c := open(t, f, withToken)
	c.sees("#chips", "读卡器 正常")
	c.click("#demo-wang")
	c.click("#sample")
	c.ready()
	saleID := strings.TrimSpace(c.text("#bill-no")[strings.Index(c.text("#bill-no"), "·")+len("·"):])
	f.set(func() {
		f.refuse = func(path string) *settle.Error {
			if path == "/v1/settlements" {
				panic(http.ErrAbortHandler)
			}
			return nil
		}
	})
	c.press(f9)
	c.sees(".note", "上次没有结算，没有扣款")
	f.set(func() { f.refuse = nil })
	c.ready()
	c.press(f9)
	c.sees(".done-title", "结算成功")
	if ids := f.settled(); len(ids) != 1 || ids[0] != saleID {
		t.Errorf("settled %v, the bill was %s", ids, saleID)
	}
	c.clean()
}

// TestQuoteChanged: the split that is settled is the one that was shown, or nothing is settled and the new one is shown.
func TestQuoteChanged(t *testing.T) {
	f := newTill(t)
	c := open(t, f, withToken)
	c.sees("#chips", "读卡器 正常")
	c.click("#demo-wang")
	c.click("#sample")
	c.ready()
	f.set(func() { f.revision++ })
	c.press(f9)
	c.sees(".note", "试算之后有变化")
	if n := len(f.settled()); n != 0 {
		t.Fatalf("%d settlements", n)
	}
	c.ready()
	c.press(f9)
	c.sees(".done-title", "结算成功")
	c.clean()
}

// TestToken: without one the page asks; a wrong one is refused in words; a good one leaves nothing behind.
func TestToken(t *testing.T) {
	f := newTill(t)
	c := open(t, f, "")
	c.sees("#login", "收银台令牌")
	c.shot("12-login")
	c.press("wrong" + enter)
	c.sees("#login-fault", "令牌无效")
	c.press(testToken + enter)
	c.sees("#card .card-title", "请插入患者本人的社保卡")
	c.clean()

	other := open(t, f, withToken)
	other.sees("#chips", "读卡器 正常")
	var address string
	other.eval(`location.href`, &address)
	if address != f.url() {
		t.Errorf("the address bar shows %s", address)
	}
	var entries int
	other.eval(`history.length`, &entries)
	if entries > 2 { // the empty tab and the page; none with the token
		t.Errorf("%d entries in the history", entries)
	}
	other.clean()
}

// TestOffline: the centre falls silent; the page says so, with cause and remedy, and goes on.
func TestOffline(t *testing.T) {
	f := newTill(t)
	c := open(t, f, withToken)
	c.sees("#chips", "医保中心 在线")
	c.click("#demo-down")
	c.sees("#chips", "医保中心 脱机", "提示 1")
	c.press(f1)
	c.sees("#help-warnings", "正在脱机结算", "检查专线和路由器")
	c.shot("13-help")
	c.press(escape)
	c.click("#demo-wang")
	c.click("#sample")
	c.ready()
	c.sees(".notes", "脱机结算")
	c.click("#demo-up")
	c.sees("#chips", "医保中心 在线")
	c.clean()
}

// TestEnglish turns every word of the page at a click.
func TestEnglish(t *testing.T) {
	f := newTill(t)
	c := open(t, f, withToken)
	c.sees("#chips", "读卡器 正常")
	c.click("#language")
	c.sees("#card .card-title", "Insert the patient's own card")
	c.click("#demo-wang")
	c.click("#sample")
	c.ready()
	c.sees("#split", "Own account", "Collect cash", "Settle", "The patient has not asked for it.")
	c.shot("14-english")
	c.press(f9)
	c.sees(".done-title", "Settled")
	c.click("#language")
	c.sees(".done-title", "结算成功")
	c.clean()
}

// TestFits: at both screens and at the square ones of old tills, and with the browser's own bars taken off, nothing is cut off and nothing but lists scrolls.
func TestFits(t *testing.T) {
	f := newTill(t)
	c := open(t, f, withToken)
	c.sees("#chips", "读卡器 正常")
	c.click("#demo-wang")
	c.click("#sample")
	c.press(f7)
	c.ready()
	for i, size := range [][2]int64{{1366, 768}, {1366, 640}, {1920, 1080}, {1280, 720}, {1024, 768}, {800, 600}, {800, 600}, {1024, 768}, {1366, 768}, {1920, 1080}} {
		if i == 6 {
			c.click("#language")
			c.sees("#split", "Own account")
		}
		c.do(resize(size[0], size[1]))
		var outside []string
		c.eval(`[...document.querySelectorAll("header, main, .panel, #settle, #entry button, .bar, #demo, #card .card-title, .chip, .tools button")]
			.filter((e) => { const r = e.getBoundingClientRect(); return r.width > 0 && (r.right > innerWidth + 1 || r.bottom > innerHeight + 1 || e.scrollWidth > e.clientWidth + 2 && getComputedStyle(e).overflowX === "visible"); })
			.map((e) => e.id || e.className || e.tagName)`, &outside)
		var scrolls bool
		c.eval(`document.documentElement.scrollHeight > innerHeight + 1 || document.documentElement.scrollWidth > innerWidth + 1`, &scrolls)
		if len(outside) > 0 || scrolls {
			t.Errorf("%v: outside %v, the page scrolls %v", size, outside, scrolls)
		}
		var list int
		c.eval(`document.querySelector("#lines").clientHeight`, &list)
		if list < 80 {
			t.Errorf("%v: only %d pixels for the lines", size, list)
		}
	}
	c.clean()
}

// TestLongBill: the line that was added last is in sight, and stays where the list was scrolled to when nothing came.
func TestLongBill(t *testing.T) {
	c := open(t, newTill(t), withToken)
	c.sees("#chips", "读卡器 正常")
	for range 9 {
		c.do(focus("#entry input[name=code]"))
		c.press("XA01" + enter + "阿莫西林胶囊" + enter + enter + "1" + enter + "1" + enter + enter)
	}
	c.sees("#bill-no", "9 项")
	const at = `(() => { const e = document.querySelector("#lines"); return e.scrollHeight - e.clientHeight - e.scrollTop; })()`
	var below float64
	c.eval(at, &below)
	if below > 1 {
		t.Errorf("the last line is %.0f pixels below what shows", below)
	}
	c.eval(`(() => { const e = document.querySelector("#lines"); e.scrollTop = 0; return 0; })()`, &below)
	c.click("#remove-2")
	c.sees("#bill-no", "8 项")
	c.eval(`document.querySelector("#lines").scrollTop`, &below)
	if below != 0 {
		t.Errorf("the list jumped to %.0f", below)
	}
	c.clean()
}

// TestMoneyOfThePage compares the page's arithmetic with the rules' own, line by line.
func TestMoneyOfThePage(t *testing.T) {
	f := newTill(t)
	c := open(t, f, withToken)
	random := rand.New(rand.NewPCG(7, 7))
	var calls, want []string
	for range 400 {
		quantity := fmt.Sprintf("%d.%04d", random.IntN(200), 1+random.IntN(9999))
		price := fmt.Sprintf("%d.%0*d", random.IntN(3000), 1+random.IntN(6), random.IntN(10))
		q, err := settle.ParseQuantity(quantity)
		if err != nil {
			t.Fatal(err)
		}
		p, err := settle.ParsePrice(price)
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, fmt.Sprintf("m.text(m.lineTotal(%q, %q))", quantity, price))
		want = append(want, settle.LineTotal(q, p).String())
	}
	calls = append(calls, `m.text(m.lineTotal("3", "1.115"))`, `m.text(-5n)`, `m.show("1234567.80")`, `m.minus("2", "0.5")`, `m.plus("9.9999", "0.0001")`,
		`String(m.parsePrice("12"))`, `String(m.parsePrice("12.5"))`, `String(m.parsePrice("1e3"))`, `String(m.parseQuantity("0"))`, `String(m.parseQuantity("1.50"))`, `String(m.fen("1.5"))`)
	want = append(want, "3.35", "-0.05", "¥ 1,234,567.80", "1.5", "10", "12.00", "12.50", "null", "null", "1.5", "null")
	var got []string
	c.eval(`import("/console/money.js").then((m) => [`+strings.Join(calls, ",")+`])`, &got)
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s is %s, want %s", calls[i], got[i], want[i])
		}
	}
}

// TestEventParser feeds the stream in every possible cut.
func TestEventParser(t *testing.T) {
	f := newTill(t)
	c := open(t, f, withToken)
	var got []string
	c.eval(`import("/console/events.js").then(({parser}) => {
		const text = ": hello\r\n\r\nevent: card_inserted\ndata: {\"a\":\ndata: 1}\n\nid: 7\ndata: x\n\nevent: upstream\r\n\r\n";
		const runs = new Set();
		for (let cut = 0; cut <= text.length; cut++) {
			const seen = [];
			const parse = parser((name, data) => seen.push(name + " " + JSON.stringify(data)));
			parse(text.slice(0, cut)); parse(text.slice(cut));
			runs.add(seen.join("; "));
		}
		return [...runs];
	})`, &got)
	if len(got) != 1 || got[0] != `card_inserted {"a":1}; message {}; upstream {}` {
		t.Errorf("%q", got)
	}
}

// TestSentinel: a violation of the content policy is really noticed by these tests, and really blocked.
func TestSentinel(t *testing.T) {
	f := newTill(t)
	c := open(t, f, withToken)
	var ran bool
	c.eval(`new Promise((done) => {
		const s = document.createElement("script"); s.textContent = "window.ran = true"; document.body.append(s);
		const i = new Image(); i.onerror = () => done(window.ran === true); i.src = "http://example.invalid/x.png";
	})`, &ran)
	var violations []string
	c.eval(`window.violations`, &violations)
	if ran || len(violations) < 2 {
		t.Errorf("ran %v, noticed %v", ran, violations)
	}
}
