// Every word of the page, Chinese first. What the daemon says itself (messages, hints) comes with its answers.

import { pageWords } from "./words_pages.js";

const words = {
  ...pageWords,
  brand: ["共济收银台", "Gongji Counter"],
  keys: ["快捷键", "Keys"], language: ["English", "中文"], terminal: ["收银台", "Terminal"],
  close: ["关闭", "Close"], cancel: ["取消", "Cancel"], ok: ["确定", "OK"],
  operatorButton: ["收银员 {id}", "Cashier {id}"], operatorTitle: ["收银员", "Cashier"],
  operatorId: ["工号", "Number"], operatorName: ["姓名", "Name"],

  loginTitle: ["收银台令牌", "Token of this till"],
  loginText: ["请粘贴本收银台的令牌（店长用 gongjid pos add 发放）。令牌只留在本页内存中，关闭网页即失效。",
    "Paste this till's token (a manager makes it with gongjid pos add). It stays in this page's memory only."],
  token: ["令牌", "Token"], loginGo: ["开始", "Start"], loginBad: ["令牌无效或已被收回，请核对后重新粘贴。", "The token is not known here, or was revoked."],

  hint_FAMILY_CODE_IS_NOT_SHARING: ["亲情账户只是代为出示，不能共济；请办理家庭共济绑定。", "A family code shows a credential; it shares no money."],
  hint_REMOTE_PATIENT: ["患者在外省参保：跨省就医须先备案，以医保中心为准。", "The patient is insured in another province: treatment must be filed first; the centre decides."],
  hint_OTC_ABOVE_USUAL_AMOUNT: ["非处方药金额超过通常的一次用量，请向患者说明。", "More non-prescription medicine than one purchase usually needs; explain it to the patient."],

  chipService: ["本机服务", "Service"], chipCentre: ["医保中心", "Centre"],
  up: ["正常", "up"], down: ["断开", "down"], online: ["在线", "online"], offline: ["脱机", "offline"], connecting: ["重连中", "reconnecting"], notYet: ["未连接", "not connected"],
  chipWarnings: ["提示 {n}", "Warnings {n}"], noWarnings: ["一切正常。", "All is well."],
  warnings: ["当前提示", "Standing warnings"], cause: ["原因：", "Cause: "], remedy: ["处理：", "What to do: "],

  card: ["卡片", "Card"],
  absentTitle: ["请插入患者本人的社保卡", "Insert the patient's own card"], absentText: ["家人的钱可以共济，家人的卡不能代用", "Relatives may share money, never cards"],
  readingTitle: ["正在读卡…", "Reading the card…"], readingText: ["请勿拔卡", "Please leave it in"],
  presentText: ["请核对持卡人就是患者本人", "Check that the holder is the patient"],
  faultTitle: ["这张卡不能用", "This card cannot be used"], downTitle: ["读卡器没有连接", "The reader is not connected"],
  downText: ["请检查读卡器的电源和数据线，接好后自动恢复", "Check its power and cable; it recovers by itself"],
  lostTitle: ["正在重新连接本机服务…", "Reconnecting to the service…"], lostText: ["账单仍在，恢复后可继续", "The bill is kept"],
  waitTitle: ["正在连接…", "Connecting…"],
  removedTitle: ["卡已拔出", "The card was taken out"],
  kind_social: ["社会保障卡", "Social security card"], kind_health: ["居民健康卡", "Health card"], kind_bank: ["银行卡", "Bank card"], kind_unknown: ["未知卡", "Unknown card"],
  kind_evoucher: ["已扫医保码", "E-voucher scanned"], kind_id: ["身份证", "Identity card"],
  patientNumber: ["患者身份证号", "Patient's identity number"], patientHint: ["可不填，默认持卡人", "optional: the holder"],
  patientName: ["患者姓名", "Patient's name"], optional: ["可不填", "optional"],
  patientBad: ["身份证号有误，请核对", "Not a valid identity number"],

  bill: ["账单", "Bill"], newBill: ["新单", "New bill"], sample: ["示例账单", "Sample bill"],
  billEmpty: ["还没有商品。在下面录入，或扫追溯码。", "No items yet. Enter them below."],
  code: ["医保编码", "Item code"], name: ["商品名称", "Name"], class: ["类别", "Class"], price: ["单价（元）", "Price"], quantity: ["数量", "Quantity"],
  trace: ["追溯码", "Trace codes"], traceHint: ["逐盒扫描", "scan each pack"], addLine: ["添加", "Add"],
  sum: ["金额", "Amount"], traces: ["{n} 个追溯码", "{n} codes"], remove: ["删除", "Delete"], edit: ["修改", "Edit"],
  itemCount: ["{n} 项", "{n} items"],
  needCode: ["请填医保编码", "Enter the item code"], needName: ["请填商品名称", "Enter the name"],
  badPrice: ["单价须为元，最多六位小数，如 12.50", "The price is yuan, such as 12.50"], badQuantity: ["数量须大于 0，最多四位小数", "The quantity must be above 0"],
  voucherTyped: ["扫到的是医保码，已清除。请用接在本机服务上的扫码枪扫医保码", "That was an e-voucher; it was cleared. Scan it with the scanner that is wired to the service"],
  doubleTrace: ["追溯码重复：{code}", "Trace code twice: {code}"], tooLarge: ["金额太大", "The amount is too large"],

  class_drug_a: ["甲类药", "Drug A"], class_drug_b: ["乙类药", "Drug B"], class_drug_out: ["目录外药", "Drug, not listed"], class_tcm_slices: ["中药饮片", "TCM slices"],
  class_device_reg: ["医疗器械", "Device"], class_consumable: ["医用耗材", "Consumable"], class_service_in: ["诊疗项目", "Service"], class_service_out: ["目录外诊疗", "Service, not listed"],
  class_vaccine_other: ["非免疫规划疫苗", "Vaccine"], class_health_food: ["保健食品", "Health food"], class_cosmetic: ["化妆品", "Cosmetic"], class_food: ["食品", "Food"], class_daily: ["日用品", "Daily goods"],

  splitPanel: ["分摊", "Split"], total: ["合计", "Total"], useAccounts: ["用个人账户", "Use accounts"], askShared: ["患者同意用家庭共济", "Patient asks for family sharing"],
  fund: ["统筹基金", "Fund"], own: ["本人账户", "Own account"], shared: ["共济", "Shared"], cash: ["现金", "Cash"],
  ownAfter: ["余额 {amount}", "{amount} left"], collect: ["收现金", "Collect cash"], noCash: ["不收现金", "No cash"],
  notUsed: ["没有使用的账户", "Accounts not used"],
  idleTitle: ["准备就绪", "Ready"], idleText: ["录入商品、插入社保卡后自动试算。", "Enter items and insert the card; the split appears by itself."],
  needCardTitle: ["等待社保卡", "Waiting for the card"], needCard: ["插卡后自动试算", "The split appears by itself"], needLines: ["录入商品后自动试算", "Enter items to see the split"],
  quoting: ["正在试算…", "Working out the split…"], settle: ["结算", "Settle"], settling: ["正在结算，请勿拔卡…", "Settling, leave the card in…"],
  requote: ["重新试算", "Try again"], offlineNote: ["脱机结算，恢复联网后自动上报", "Offline; reported when the line is back"],
  atRisk: ["其中 {amount} 尚未得到中心确认", "{amount} not confirmed by the centre yet"], ledgerAge: ["账户资料更新于 {age} 前", "Accounts refreshed {age} ago"],
  changed: ["试算之后有变化，请看新的分摊并向患者说明，再按结算。", "Something changed since the quote. Look at the new split, then settle."],
  seconds: ["{n} 秒", "{n} s"], minutes: ["{n} 分钟", "{n} min"], hours: ["{n} 小时", "{n} h"],

  unknownTitle: ["结果还不知道，请勿重复收款", "The outcome is not known yet; do not charge again"],
  unknownText: ["连接中断。恢复后自动查明这一单；单号 {sale}", "The connection broke. It will be found out by itself; sale {sale}"],
  unknownNone: ["已查明：上次没有结算，没有扣款，可以再按结算。", "Found out: nothing was settled. You may settle again."],
  askNow: ["现在查询", "Ask now"],

  doneTitle: ["结算成功", "Settled"], receipt: ["票据号", "Receipt"],
  report_pending: ["上报中", "reporting"], report_accepted: ["中心已入账", "accepted by the centre"], report_unknown: ["结果查询中", "outcome open"],
  report_refused: ["中心拒绝，待处理", "refused by the centre"], report_adjusted: ["中心已调整", "adjusted by the centre"],
  state_partly_refunded: ["部分退货", "partly refunded"], state_refunded: ["已全部退货", "refunded"], state_reversed: ["已撤销", "reversed"],
  nextBill: ["下一单", "Next bill"], refundLine: ["退货", "Return"], returned: ["已退 {n}", "{n} returned"],
  refundTitle: ["退货", "Return of goods"], refundQuantity: ["退回数量", "Quantity"], refundTrace: ["退回的追溯码", "Trace codes returned"], refundReason: ["原因（可不填）", "Reason (optional)"],
  refundCard: ["须插入患者本人的社保卡。钱按原路退回。", "The patient's card must be in the reader. Money goes back the way it came."],
  refundGo: ["确认退货", "Return it"], refundBad: ["数量须大于 0 且不超过 {left}", "Above 0 and at most {left}"], refundLost: ["没有收到答复。请再按一次确认：同一退货单号不会重复退。", "No answer came. Press again: the same return is never booked twice."],
  refundDone: ["退货完成，退现金 {cash}，退回账户 {accounts}", "Returned: {cash} in cash, {accounts} to accounts"],
  refundNo: ["退货票据 {no}", "Return receipt {no}"],

  dropTitle: ["放弃这张账单？", "Drop this bill?"], dropText: ["账单还没有结算，{n} 项商品将被清空。", "It is not settled; {n} items will be cleared."], dropGo: ["放弃并新建", "Drop it"],
  dropUnknown: ["这一单的结果还没有查明，不能放弃。", "The outcome of this bill is not known yet."],

  helpTitle: ["快捷键", "Keys"], key_f1: ["本页", "This page"], key_f2: ["新单 / 下一单；在其他页：回到收银", "New bill; elsewhere: back to the counter"], key_f3: ["谁来买：本人、监护人、代购", "Who buys: patient, guardian, agent"], key_f6: ["到菜单，用方向键选页", "To the menu; arrow keys choose"], key_f4: ["到录入栏；在录入栏中为添加", "To the entry; there: add"],
  key_f7: ["家庭共济 开/关", "Family sharing on or off"], key_f8: ["重新试算", "Work out the split again"], key_f9: ["结算", "Settle"], key_f10: ["小票", "Slip"], key_esc: ["关闭窗口；在其他页：回到收银", "Close a window; elsewhere: back to the counter"],
  version: ["版本 {version}", "Version {version}"],

  demo: ["演示", "Demo"], demoRemove: ["拔卡", "Take out"], demoUnplug: ["拔读卡器", "Unplug"], demoReplug: ["接回读卡器", "Replug"],
  demoDown: ["中心断网", "Cut the line"], demoUp: ["中心恢复", "Line back"],
  hintWhat: ["怎么办：", "What to do: "], lostProblem: ["本机服务没有应答。", "The service does not answer."], lostHint: ["正在自动重连，账单仍在。", "Reconnecting; the bill is kept."],

  // Why an account did not pay; in Chinese the daemon says it.
  reason_K_THIRD_PARTY: ["", "Somebody else is liable."], reason_K_RELATION: ["", "This kind of relative is not allowed."],
  reason_K_NOT_YET: ["", "The binding is not yet valid."], reason_K_EXPIRED: ["", "The binding is no longer valid."],
  reason_K_GIVER_STATUS: ["", "The giver's account may not pay."], reason_K_BENEF_STATUS: ["", "The patient may not receive shared money."],
  reason_K_AREA: ["", "The insured areas do not fit."], reason_K_MED_GROUP: ["", "Barred for this kind of treatment."],
  reason_K_OWN_NOT_ZERO: ["", "Own money must be used up first."], reason_K_NOT_ASKED: ["", "The patient has not asked for it."],
  reason_K_NOT_BOUND: ["", "There is no binding."], reason_K_NOT_SELECTED: ["", "Others were chosen."],
  reason_K_ONE_GIVER: ["", "The number of givers is reached."], reason_K_ZERO: ["", "Nothing is available."],
  reason_K_CAP: ["", "A limit is used up."], reason_K_CLASS: ["", "Goods of this class are not payable."], reason_K_CLASS_UNKNOWN: ["", "What class these goods are is not known."], reason_K_BUCKET: ["", "This part is not payable."],

  // What the patient is to the giver, turned round: a cashier wants to know who gives.
  giver_spouse: ["配偶", "spouse"], giver_parent: ["子女", "child"], giver_child: ["父母", "parent"], giver_sibling: ["兄弟姐妹", "sibling"],
  giver_paternal_grandparent: ["孙子女", "grandchild"], giver_maternal_grandparent: ["外孙子女", "grandchild"],
  giver_son_grandchild: ["祖父母", "grandparent"], giver_daughter_grandchild: ["外祖父母", "grandparent"],
};

let column = 0;

export const english = () => column === 1;
export function setEnglish(on) { column = on ? 1 : 0; }

// t is the text of a key with its {places} filled in.
export function t(key, places = {}) {
  const text = words[key]?.[column];
  if (text === undefined) throw new Error(`no words for ${key}`);
  return text.replace(/\{(\w+)\}/g, (whole, name) => places[name] ?? whole);
}

// has reports whether there are words for a key that came from outside.
export const has = (key) => Object.hasOwn(words, key);

// labels fills in every element of the page that names a key.
export function labels() {
  document.documentElement.lang = english() ? "en" : "zh-CN";
  document.title = t("brand");
  for (const e of document.querySelectorAll("[data-t]")) e.textContent = t(e.dataset.t);
  for (const e of document.querySelectorAll("[data-label]")) e.setAttribute("aria-label", t(e.dataset.label));
  for (const e of document.querySelectorAll("[data-hint]")) e.placeholder = t(e.dataset.hint);
}
