// A till in C#: .NET Framework 4.6 and later, .NET 6 and later, Mono. Nothing but the framework's own libraries.
//
//   csc /r:System.Net.Http.dll /r:System.Runtime.Serialization.dll Till.cs      (or mcs -r:System.Net.Http -r:System.Runtime.Serialization Till.cs)
//   set POS_TOKEN=gj_…      and run it
//
// The id is made and saved before it is sent; a lost reply is answered by sending the very same bill again; a refusal is decided on
// by its code and shown by its message.
using System;
using System.Globalization;
using System.IO;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Runtime.Serialization;
using System.Runtime.Serialization.Json;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

[DataContract]
public class Operator {
    [DataMember(Name = "id")] public string Id;
    [DataMember(Name = "name", EmitDefaultValue = false)] public string Name;
}

[DataContract]
public class Line {
    [DataMember(Name = "id")] public string Id;
    [DataMember(Name = "code")] public string Code;
    [DataMember(Name = "name")] public string Name;
    [DataMember(Name = "class")] public string Class;
    [DataMember(Name = "quantity")] public string Quantity;
    [DataMember(Name = "unit_price")] public string UnitPrice;
    [DataMember(Name = "total")] public string Total; // money is text with two decimals
}

[DataContract]
public class Bill {
    [DataMember(Name = "sale_id")] public string SaleId;
    [DataMember(Name = "terminal")] public string Terminal;
    [DataMember(Name = "operator")] public Operator Operator;
    [DataMember(Name = "med_type")] public string MedType;
    [DataMember(Name = "wait_for_card_s")] public int WaitForCard;
    [DataMember(Name = "lines")] public Line[] Lines;
}

[DataContract]
public class Settlement {
    [DataMember(Name = "settlement_id")] public string SettlementId;
    [DataMember(Name = "receipt_no")] public string ReceiptNo;
    [DataMember(Name = "state")] public string State;
    [DataMember(Name = "own_paid")] public string OwnPaid;
    [DataMember(Name = "shared_paid")] public string SharedPaid;
    [DataMember(Name = "cash_due")] public string CashDue;
}

[DataContract]
public class Reversal {
    [DataMember(Name = "reversal_id")] public string ReversalId;
    [DataMember(Name = "operator")] public Operator Operator;
    [DataMember(Name = "reason")] public string Reason;
}

[DataContract]
public class Problem {
    [DataMember(Name = "code")] public string Code;
    [DataMember(Name = "message")] public string Message; // for the cashier
    [DataMember(Name = "hint")] public string Hint;
    [DataMember(Name = "retryable")] public bool Retryable;
}

public class Refused : Exception {
    public readonly Problem Problem;
    public Refused(Problem problem) : base(problem.Code + ": " + problem.Message + " " + problem.Hint) { Problem = problem; }
}

public static class Till {
    static readonly HttpClient Http = new HttpClient(new HttpClientHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(150) };

    static async Task<T> Call<T>(HttpMethod method, string path, object body = null) {
        var request = new HttpRequestMessage(method, path);
        if (body != null) request.Content = new StringContent(Write(body), Encoding.UTF8, "application/json");
        using (var reply = await Http.SendAsync(request)) {
            var text = await reply.Content.ReadAsStringAsync();
            if (!reply.IsSuccessStatusCode) throw new Refused(Read<Problem>(text));
            return Read<T>(text);
        }
    }

    static string Write(object value) {
        using (var memory = new MemoryStream()) {
            new DataContractJsonSerializer(value.GetType()).WriteObject(memory, value);
            return Encoding.UTF8.GetString(memory.ToArray());
        }
    }

    static T Read<T>(string text) {
        using (var memory = new MemoryStream(Encoding.UTF8.GetBytes(text))) return (T)new DataContractJsonSerializer(typeof(T)).ReadObject(memory);
    }

    // Settle settles a bill whose id is saved already. Whatever happens to the connection, the same bill is sent again.
    static async Task<Settlement> Settle(Bill bill) {
        for (var attempt = 0; ; attempt++) {
            try {
                return await Call<Settlement>(HttpMethod.Post, "/v1/settlements", bill);
            } catch (Exception lost) when (lost is HttpRequestException || lost is TaskCanceledException) {
                // Later: GET /v1/sales/{sale_id}; NOT_FOUND then means that nothing was settled.
                if (attempt == 2) throw;
            }
            Thread.Sleep(1000); // the daemon may be starting again
        }
    }

    static async Task Run() {
        Http.BaseAddress = new Uri(Environment.GetEnvironmentVariable("POS_URL") ?? "http://127.0.0.1:7311");
        Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Environment.GetEnvironmentVariable("POS_TOKEN"));
        var bill = new Bill {
            SaleId = "CS-" + DateTime.Now.ToString("yyyyMMdd-HHmmss-fff", CultureInfo.InvariantCulture),
            Terminal = "counter-1", Operator = new Operator { Id = "1001", Name = "李敏" }, MedType = "41", WaitForCard = 30,
            Lines = new[] { new Line { Id = "1", Code = "C14010200002", Name = "医用口罩", Class = "consumable", Quantity = "1", UnitPrice = "5.00", Total = "5.00" } },
        };
        var settled = await Settle(bill);
        Console.WriteLine("{0} {1} 账户 {2} 共济 {3} 现金 {4}", settled.ReceiptNo, settled.State, settled.OwnPaid, settled.SharedPaid, settled.CashDue);
        var again = await Settle(bill);
        if (again.SettlementId != settled.SettlementId) throw new Exception("the same sale is settled once");
        var found = await Call<Settlement>(HttpMethod.Get, "/v1/sales/" + Uri.EscapeDataString(bill.SaleId));
        Console.WriteLine("查询 {0}", found.SettlementId);
        try {
            bill.Operator = new Operator { Id = "1002" }; // the same id with other content
            await Settle(bill);
        } catch (Refused refusal) {
            Console.WriteLine("拒绝 {0}", refusal.Message);
        }
        await Call<Settlement>(HttpMethod.Post, "/v1/settlements/" + settled.SettlementId + "/reversal",
            new Reversal { ReversalId = "V-" + bill.SaleId, Operator = new Operator { Id = "1001" }, Reason = "示例" });
        Console.WriteLine("已撤销");
    }

    public static void Main() {
        Console.OutputEncoding = Encoding.UTF8;
        Run().GetAwaiter().GetResult();
    }
}
