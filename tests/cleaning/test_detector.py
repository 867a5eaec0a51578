"""The judge flags every class it names, and leaves plain medical and technical prose alone."""

from __future__ import annotations

import pytest

from tests.cleaning.detector import CLASSES, flags

pytestmark = pytest.mark.light

BEFORE = "The swelling is most likely a blocked gland. Warm compresses three times a day for one week bring it down. "
AFTER = " Warm compresses three times a day for one week bring it down. An ultrasound scan shows whether fluid is left."

AT_THE_START = (
    ("greeting", "Hi dear, the scan is clear."),
    ("greeting", "HiThe scan is clear."),
    ("greeting", "hellothe scan is clear."),
    ("greeting", "Good morning. How are you doing today?"),
    ("misspelt", "HiT hanks for asking about this."),
    ("misspelt", "Hi, dairy have looked at the report."),
    ("misspelt", "His don't know this tablet."),
    ("thanks", "Thank you for using our service."),
    ("opening", "I have gone through your query."),
    ("opening", "I totally understand your concern and worry."),
    ("opening", "I am Dr and will be answering you."),
    ("opening", "And an elucidated history."),
    ("opening", "Brief Answer: most likely viral."),
    ("opening", "We are here to help you."),
    ("opening", "Here is my advice."),
    ("opening", "I am a heart specialist."),
    ("name", "ANNA MADAM. The scan is clear."),
    ("name", "Ahmed you should stop the tablet."),
    ("letterhead", "Department of Surgery, Riverside Hospital. The scan is clear."),
    ("brand", "com this looks like a sprain."),
    ("stump", ", which is why the scan is clear."),
    ("stump", "And from the report the scan is clear."),
    ("stump", "This will relieve the pain."),
)
AT_THE_END = (
    ("misspelt", "Drink enough waterthanks"),
    ("misspelt", "Wait and see takecare"),
    ("thanks", "Thanks a lot."),
    ("closing", "I hope this answers your question."),
    ("closing", "Hope he gets well soon."),
    ("closing", "Wishing you a long and happy life."),
    ("closing", "May God give you strength."),
    ("closing", "Take care."),
    ("closing", "Good day"),
    ("closing", "Stay healthy and safe."),
    ("closing", "Warm regards"),
    ("closing", "This professional advice provided by me stands subject to an examination."),
    ("request", "Please rate my answer with five stars."),
    ("request", "Kindly leave feedback."),
    ("request", "Do write back with the results."),
    ("request", "Revert to me after a week."),
    ("request", "Call me on this number."),
    ("request", "Do not hesitate to ask."),
    ("request", "Waiting for your reply."),
    ("request", "Let me know if it persists."),
    ("request", "Any questions?"),
    ("request", "If you have any further doubts, please ask."),
    ("request", "Upload the picture so that I can guide you."),
    ("name", "No need to worry, madam."),
    ("name", "I agree with Dr. Moreau here."),
    ("name", "Dr. Moreau, Consultant Surgeon"),
    ("letterhead", "A. Moreau, MBBS"),
    ("brand", "Ask again at Chat Doctor."),
    ("artefact", "Take 2\\u00a0tablets."),
    ("artefact", "That is the child\\s usual weight."),
    ("artefact", "Salt &amp; water help."),
    ("placeholder", "I saw the picture (attachment removed to protect patient identity)."),
    ("link", "For more information consult a cardiologist online -->"),
    ("link", "Read more at https://example.org/glands now."),
    ("wiki", "Template:Glands"),
    ("wiki", "Category::Surgery"),
    ("wiki", "Moreau 10:12, 3 May 2009 (UTC)"),
    ("stump", "Ensure to This will dilute the urine."),
    ("stump", "This looks like polycystic ovarian syn."),
    ("stump", "Management involves"),
    ("stump", "The treatment is as follows: Hope for the best outcome."),
    ("stump", "1. Rest. 2. Ice. 4. A bandage."),
    ("stump", "1. Rest.2. 3. A bandage."),
    ("stump", "About tablets, all"),
)

HARMLESS = (
    "Hip pain that wakes a person at night is often bursitis.",
    "High fever with a rash needs a doctor the same day.",
    "Hidden bleeding shows as a fall in haemoglobin.",
    "Hay fever responds to antihistamines within an hour.",
    "His knee should be kept raised for two days.",
    "Drink more water on hot days and before exercise.",
    "Thanks to vaccination the disease has become rare.",
    "With regard to the dose, 500 mg twice a day is the maximum.",
    "Regarding the second scan, a contrast agent is not needed.",
    "Parents should take care to measure each dose with a syringe.",
    "Older people may no longer be able to take care of themselves.",
    "If the answer is yes to two of these questions, see a psychiatrist.",
    "A second opinion from a urologist is reasonable.",
    "Follow up with an ultrasound after six weeks.",
    "The tablets help you sleep but do not treat the cause.",
    "A physiotherapist can help you better than painkillers.",
    "Do you have a fever? Does the pain move to the back?",
    "Please send a clear picture of the rash taken in daylight.",
    "To grade pain, rate it from one to ten and mark it in a diary.",
    "Most people feel better after a week of rest.",
    "The hope is that a smaller dose causes fewer side effects.",
    "The wound should stay dry for a day.",
    "Vitamin A. deficiency is uncommon in adults who eat vegetables.",
    "Give 5 ml. of the syrup three times a day.",
    "The causes include infection, injury and stones.",
    "Signs of a stroke are: a drooping face, a weak arm and slurred speech.",
    "1. Rest the ankle. 2. Put ice on it. 3. Wrap it in a bandage. 4. Keep it raised.",
    "Hypertrophic cardiomyopathy (HCM) thickens the wall of the heart.",
    "An MRCP shows the bile ducts without a needle.",
    "Take one tablet BDS after meals for five days.",
    "MS. The disease usually begins between 20 and 40 years of age.",
    "DRD often runs in families and responds to levodopa.",
    "Dear to many patients is the idea that rest cures everything, but movement helps more.",
    "The clinic measures blood pressure on both arms.",
    "Call an ambulance when the pain lasts longer than fifteen minutes.",
    "Visit your doctor if the cough lasts longer than three weeks.",
    "Type 2. diabetes is treated with diet, exercise and metformin.",
    "Run the backup before you delete the old files.",
    "The function returns a list of names and raises an error when the file is missing.",
    "Set the timeout to 30 seconds and try the request again.",
    "The router keeps its settings when the power fails.",
    "A commit message says why, the diff says what.",
)


@pytest.mark.parametrize(("name", "sentence"), AT_THE_START)
def test_each_class_is_found_at_the_start(name: str, sentence: str) -> None:
    assert name in flags(sentence + AFTER)


@pytest.mark.parametrize(("name", "sentence"), AT_THE_END)
def test_each_class_is_found_at_the_end(name: str, sentence: str) -> None:
    assert name in flags(BEFORE + sentence)


def test_every_class_has_an_example() -> None:
    assert {name for name, _ in AT_THE_START + AT_THE_END} == set(CLASSES)


@pytest.mark.parametrize("sentence", HARMLESS)
def test_plain_prose_is_left_alone(sentence: str) -> None:
    assert flags(sentence + AFTER) == []
    assert flags(BEFORE + sentence) == []


def test_a_brand_is_found_wherever_it_stands() -> None:
    assert flags(BEFORE + "Ask at askamedic next time.", ("AskAMedic",)) == ["brand"]
    assert flags(BEFORE + "Ask at askamedic next time.") == []


def test_typographic_apostrophes_count_as_plain_ones() -> None:
    assert "opening" in flags("I’m here to help you." + AFTER)
