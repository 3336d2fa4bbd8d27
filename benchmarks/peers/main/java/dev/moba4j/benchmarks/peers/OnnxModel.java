package dev.moba4j.benchmarks.peers;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** An ONNX model of one operator, as the bytes of its protocol buffer (onnx.proto, IR version 10). */
final class OnnxModel {
    /** Element types of tensors. */
    static final int FLOAT = 1;

    static final int INT32 = 6;
    static final int FLOAT16 = 10;
    static final int BFLOAT16 = 16;

    private static final int IR_VERSION = 10;
    private static final int OPSET = 23;
    private static final int INTEGER_ATTRIBUTE = 2;
    private static final String CONTRIB = "com.microsoft";

    private OnnxModel() {}

    /**
     * What a model takes.
     *
     * @param name empty for an optional input that is left out
     * @param type element type
     * @param shape sizes
     */
    record Input(String name, int type, long... shape) {
        private static final Input ABSENT = new Input("", FLOAT);

        /** An optional input that is left out. */
        static Input absent() {
            return ABSENT;
        }
    }

    /**
     * Makes a model.
     *
     * @param operator its name
     * @param contrib whether it is one of ONNX Runtime's own
     * @param outputs of which the first, "o", is the model's
     */
    static byte[] of(
            String operator, boolean contrib, List<Input> inputs, List<String> outputs, Map<String, Long> attributes) {
        Message node = new Message();
        inputs.forEach(input -> node.text(1, input.name));
        outputs.forEach(output -> node.text(2, output));
        node.text(4, operator);
        attributes.forEach((name, value) ->
                node.message(5, new Message().text(1, name).number(3, value).number(20, INTEGER_ATTRIBUTE)));
        node.text(7, contrib ? CONTRIB : "");
        Message graph = new Message().message(1, node).text(2, operator);
        inputs.stream().filter(input -> !input.name.isEmpty()).forEach(input -> graph.message(11, value(input)));
        graph.message(12, value(new Input(outputs.getFirst(), inputs.getFirst().type)));
        return new Message()
                .number(1, IR_VERSION)
                .message(7, graph)
                .message(8, new Message().text(1, "").number(2, OPSET))
                .message(8, new Message().text(1, CONTRIB).number(2, 1))
                .bytes();
    }

    private static Message value(Input input) {
        Message type = new Message().number(1, input.type);
        Message shape = new Message();
        for (long size : input.shape) {
            shape.message(1, new Message().number(1, size));
        }
        boolean output = input.name.equals("o");
        return new Message()
                .text(1, input.name)
                .message(2, new Message().message(1, output ? type : type.message(2, shape)));
    }

    /** A message of protocol buffers. */
    private static final class Message {
        private static final int VARINT = 0;
        private static final int LENGTH_DELIMITED = 2;

        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        Message number(int field, long value) {
            varint((long) field << 3 | VARINT);
            varint(value);
            return this;
        }

        Message text(int field, String text) {
            return delimited(field, text.getBytes(StandardCharsets.UTF_8));
        }

        Message message(int field, Message message) {
            return delimited(field, message.bytes());
        }

        private Message delimited(int field, byte[] content) {
            varint((long) field << 3 | LENGTH_DELIMITED);
            varint(content.length);
            bytes.writeBytes(content);
            return this;
        }

        private void varint(long value) {
            long rest = value;
            while ((rest & ~0x7FL) != 0) {
                bytes.write((int) (rest & 0x7F | 0x80));
                rest >>>= 7;
            }
            bytes.write((int) rest);
        }

        byte[] bytes() {
            return bytes.toByteArray();
        }
    }
}
