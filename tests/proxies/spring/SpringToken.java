import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.util.LinkedMultiValueMap;
import org.springframework.util.MultiValueMap;
import org.springframework.web.client.RestClient;

/** Asks for two tokens with a RestClient as it comes, and prints the status codes. */
class SpringToken {
    public static void main(String[] arguments) {
        MultiValueMap<String, String> form = new LinkedMultiValueMap<>();
        for (String pair : System.getenv("FORM").split("&")) {
            form.add(pair.split("=")[0], pair.split("=")[1]);
        }
        RestClient client = RestClient.create(System.getenv("URL"));
        for (int time = 0; time < 2; time++) {
            ResponseEntity<String> answer = client.post()
                .uri("/api-services/v1/auth/token")
                .contentType(MediaType.APPLICATION_FORM_URLENCODED)
                .body(form)
                .retrieve()
                .toEntity(String.class);
            System.out.println(answer.getStatusCode().value() + " " + answer.getBody().contains("access_token"));
        }
    }
}
