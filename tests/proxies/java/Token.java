import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;

/** Asks for tokens with the defaults of Java's own client, which offers h2c on each new connection, and prints the status codes. */
class Token {
    public static void main(String[] arguments) throws Exception {
        String form = System.getenv("FORM");
        byte[] bytes = form.getBytes();
        ask(HttpClient.newHttpClient(), BodyPublishers.ofString(form), BodyPublishers.ofString(form));
        ask(HttpClient.newHttpClient(), BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(bytes)));
        ask(HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build(), BodyPublishers.ofString(form));
    }

    private static void ask(HttpClient client, BodyPublisher... bodies) throws Exception {
        for (BodyPublisher body : bodies) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(System.getenv("URL") + "/api-services/v1/auth/token"))
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(body)
                .build();
            HttpResponse<String> answer = client.send(request, BodyHandlers.ofString());
            System.out.println(answer.statusCode() + " " + answer.version() + " " + answer.body().contains("access_token"));
        }
    }
}
