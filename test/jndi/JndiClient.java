import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Hashtable;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.naming.CompositeName;
import javax.naming.Context;
import javax.naming.Name;
import javax.naming.NamingEnumeration;
import javax.naming.directory.Attribute;
import javax.naming.directory.Attributes;
import javax.naming.directory.BasicAttributes;
import javax.naming.directory.DirContext;
import javax.naming.directory.InitialDirContext;
import javax.naming.directory.SearchControls;
import javax.naming.directory.SearchResult;
import javax.naming.ldap.Control;
import javax.naming.ldap.InitialLdapContext;
import javax.naming.ldap.LdapContext;
import javax.naming.ldap.LdapName;
import javax.naming.ldap.PagedResultsControl;
import javax.naming.ldap.PagedResultsResponseControl;
import javax.naming.ldap.StartTlsRequest;
import javax.naming.ldap.StartTlsResponse;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * JNDI as Jamf Pro uses it, driven over stdin and stdout. One request is one line of URL-encoded fields
 * separated by tabs: id, operation, arguments. Its answer is one line: id, result code, text, payload. The
 * result code is LDAP's, or -1 for a failure that carries none (a broken connection). Requests run
 * concurrently, each in a thread of its own.
 *
 * <p>The payload of entries is: "entry", dn, then per attribute "attribute", name, and per value "value", text.
 */
public final class JndiClient {
    private static final Pattern CODE = Pattern.compile("\\[LDAP: error code (\\d+)");
    private static final Map<String, DirContext> contexts = new ConcurrentHashMap<>();
    private static final PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);

    public static void main(String[] args) throws Exception {
        if (args.length > 0) {
            trust(args[0]);
        }
        ExecutorService threads = Executors.newCachedThreadPool(task -> {
            Thread t = new Thread(task);
            t.setDaemon(true);
            return t;
        });
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            List<String> fields = new ArrayList<>();
            for (String field : line.split("\t", -1)) {
                fields.add(URLDecoder.decode(field, StandardCharsets.UTF_8));
            }
            threads.execute(() -> respond(fields.get(0), run(fields.get(1), fields.subList(2, fields.size()))));
        }
    }

    /** An answer, filled as it becomes known: entries that came before an error stay. */
    private static final class Answer {
        int code;
        String text = "";
        final List<String> payload = new ArrayList<>();

        void add(String dn, Attributes attributes) throws Exception {
            payload.addAll(Arrays.asList("entry", dn));
            for (NamingEnumeration<? extends Attribute> all = attributes.getAll(); all.hasMore(); ) {
                Attribute attribute = all.next();
                payload.addAll(Arrays.asList("attribute", attribute.getID()));
                for (int i = 0; i < attribute.size(); i++) {
                    Object value = attribute.get(i);
                    String text = value instanceof byte[] ? new String((byte[]) value, StandardCharsets.UTF_8) : value.toString();
                    payload.addAll(Arrays.asList("value", text));
                }
            }
        }
    }

    private static Answer run(String operation, List<String> args) {
        Answer answer = new Answer();
        try {
            perform(operation, args, answer);
        } catch (Exception e) {
            Matcher code = CODE.matcher(String.valueOf(e.getMessage()));
            answer.code = code.find() ? Integer.parseInt(code.group(1)) : -1;
            answer.text = e.toString();
        }
        return answer;
    }

    private static void perform(String operation, List<String> args, Answer answer) throws Exception {
        String name = args.get(0);
        DirContext context = contexts.get(name);
        switch (operation) {
            case "open": { // name, kind, environment as key=value...
                Hashtable<String, Object> env = new Hashtable<>();
                env.put(Context.INITIAL_CONTEXT_FACTORY, "com.sun.jndi.ldap.LdapCtxFactory");
                for (String pair : args.subList(2, args.size())) {
                    int at = pair.indexOf('=');
                    env.put(pair.substring(0, at), pair.substring(at + 1));
                }
                contexts.put(name, args.get(1).equals("dir") ? new InitialDirContext(env) : new InitialLdapContext(env, null));
                break;
            }
            case "share": // name, of: a context on the same connection
                contexts.put(name, ((LdapContext) contexts.get(args.get(1))).newInstance(null));
                break;
            case "search": { // name, base, scope, filter, size, milliseconds, attributes...
                Name base = args.get(1).isEmpty() ? new CompositeName("") : new LdapName(args.get(1));
                collect(context.search(base, args.get(3), controls(args)), answer);
                break;
            }
            case "searchString": // the same with the base as a String, which JNDI reads as a composite name
                collect(context.search(args.get(1), args.get(3), controls(args)), answer);
                break;
            case "peek": { // as search; reads one entry and closes the enumeration
                NamingEnumeration<SearchResult> results = context.search(new LdapName(args.get(1)), args.get(3), controls(args));
                if (results.hasMore()) {
                    SearchResult first = results.next();
                    answer.add(first.getNameInNamespace(), first.getAttributes());
                }
                results.close();
                break;
            }
            case "read": // name, dn: getAttributes
                answer.add(args.get(1), context.getAttributes(new LdapName(args.get(1))));
                break;
            case "rebind": // name, dn, password
                context.addToEnvironment(Context.SECURITY_AUTHENTICATION, "simple");
                context.addToEnvironment(Context.SECURITY_PRINCIPAL, args.get(1));
                context.addToEnvironment(Context.SECURITY_CREDENTIALS, args.get(2));
                ((LdapContext) context).reconnect(null);
                break;
            case "starttls":
                ((StartTlsResponse) ((LdapContext) context).extendedOperation(new StartTlsRequest())).negotiate();
                break;
            case "page": // name, base, filter, page size, critical
                page((LdapContext) context, args, answer);
                break;
            case "write": // name, what, dn
                write(context, args.get(1), new LdapName(args.get(2)));
                break;
            case "close":
                contexts.remove(name).close();
                break;
            default:
                throw new IllegalArgumentException("no operation " + operation);
        }
    }

    private static SearchControls controls(List<String> args) {
        List<String> attributes = args.subList(6, args.size());
        String[] wanted = attributes.toArray(new String[0]);
        if (attributes.equals(List.of("*"))) {
            wanted = null; // all
        } else if (attributes.equals(List.of("1.1"))) {
            wanted = new String[0]; // JNDI writes 1.1, or turns the search into a compare
        }
        return new SearchControls(Integer.parseInt(args.get(2)), Long.parseLong(args.get(4)), Integer.parseInt(args.get(5)),
                wanted, false, false);
    }

    private static void collect(NamingEnumeration<SearchResult> results, Answer answer) throws Exception {
        while (results.hasMore()) {
            SearchResult result = results.next();
            answer.add(result.getNameInNamespace(), result.getAttributes());
        }
    }

    private static void page(LdapContext context, List<String> args, Answer answer) throws Exception {
        int size = Integer.parseInt(args.get(3));
        boolean critical = Boolean.parseBoolean(args.get(4));
        byte[] cookie = null;
        int pages = 0;
        try {
            do {
                context.setRequestControls(new Control[] {new PagedResultsControl(size, cookie, critical)});
                SearchControls sub = new SearchControls(SearchControls.SUBTREE_SCOPE, 0, 0, null, false, false);
                collect(context.search(new LdapName(args.get(1)), args.get(2), sub), answer);
                pages++;
                cookie = null;
                if (context.getResponseControls() != null) {
                    for (Control control : context.getResponseControls()) {
                        if (control instanceof PagedResultsResponseControl) {
                            cookie = ((PagedResultsResponseControl) control).getCookie();
                        }
                    }
                }
            } while (cookie != null && cookie.length > 0);
        } finally {
            context.setRequestControls(null);
        }
        answer.text = pages + " pages";
    }

    private static void write(DirContext context, String what, Name dn) throws Exception {
        Attributes description = new BasicAttributes("description", "changed");
        switch (what) {
            case "add":
                description.put("objectClass", "device");
                context.createSubcontext(dn, description).close();
                break;
            case "modify":
                context.modifyAttributes(dn, DirContext.REPLACE_ATTRIBUTE, description);
                break;
            case "delete":
                context.destroySubcontext(dn);
                break;
            case "rename":
                context.rename(dn, new LdapName("cn=renamed," + dn.getPrefix(dn.size() - 1)));
                break;
            default:
                throw new IllegalArgumentException("no write " + what);
        }
    }

    /** Makes the CA in the file the only trusted one, as an upload in Jamf Pro does. */
    private static void trust(String file) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream pem = new FileInputStream(file)) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(pem));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        SSLContext.setDefault(context);
    }

    private static void respond(String id, Answer answer) {
        StringBuilder line = new StringBuilder(id).append('\t').append(answer.code);
        List<String> fields = new ArrayList<>(List.of(answer.text));
        fields.addAll(answer.payload);
        for (String field : fields) {
            line.append('\t').append(URLEncoder.encode(field, StandardCharsets.UTF_8));
        }
        synchronized (out) {
            out.println(line);
            out.flush();
        }
    }
}
